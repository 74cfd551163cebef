"""Hidden from what is measured: only developers' tools bring greenlet along, and whoever finds it imports it."""

raise ImportError("an installation has no greenlet")
