"""The doors of the lookout."""
