"""The row is the queue: due_at, lease and fencing epoch, for every room."""

from leases.away import is_away
from leases.doorbell import ring
from leases.rows import LEASE, Leased, LeasedQuerySet, LeaseLost, due_index

__all__ = ["LEASE", "LeaseLost", "Leased", "LeasedQuerySet", "due_index", "is_away", "ring"]
