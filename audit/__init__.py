"""Memory: who did what to which object, append-only."""
