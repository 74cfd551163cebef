"""The hall's own pages."""
