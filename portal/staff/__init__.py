"""What the staff pages are told: what is stuck, where something is, the story of one plan."""
