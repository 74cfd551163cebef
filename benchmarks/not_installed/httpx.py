"""Hidden from what is measured: only the sandbox's tools bring httpx along, and whoever finds it imports it."""

raise ImportError("an installation has no httpx")
