"""Hidden from what is measured: only developers' tools bring pygments along, and whoever finds it imports it."""

raise ImportError("an installation has no pygments")
