"""Domain names as the CAs read them: pure functions, no I/O."""
