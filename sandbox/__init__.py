"""The outside world in small: a test CA, DNS and web hosting, a card processor, a mailbox."""
