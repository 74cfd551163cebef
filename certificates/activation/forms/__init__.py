"""The forms of the wizard, one per step."""
