"""validation/fetcher.py against web servers that behave badly, and against names that lead where nothing may go."""
