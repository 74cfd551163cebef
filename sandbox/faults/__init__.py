"""A CA that misbehaves: a proxy before a real one, which passes on most requests and spoils the others by a plan."""
