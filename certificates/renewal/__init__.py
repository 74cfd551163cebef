"""When a certificate is replaced: what the CA suggests, the moment chosen, and the next order (RFC 9773)."""
