"""What memory is made of."""

from audit.models.entry import Entry
from audit.models.link import Link

__all__ = ["Entry", "Link"]
