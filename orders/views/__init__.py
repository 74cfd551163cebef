"""The shop's doors: fetch, call, answer."""
