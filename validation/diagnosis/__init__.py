"""What was seen, and what it comes to: the usual slips by name."""
