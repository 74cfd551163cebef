"""Hidden from what is measured: only the sandbox's tools bring anyio along, and whoever finds it imports it."""

raise ImportError("an installation has no anyio")
