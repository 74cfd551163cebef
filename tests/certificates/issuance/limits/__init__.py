"""The mirror of a CA account's limits: nothing is sent over them, nobody takes a place twice, and nobody is forgotten."""
