"""The ledger under attack: what the world looks like, who does what in which order, and who ends up with what."""
