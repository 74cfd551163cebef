"""Saving a step: the row, what follows from it for a running request, and the entry in the story, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accounts.models import User


@dataclass(frozen=True)
class Author:
    """Who saves, when (aware UTC) and from which address."""

    user: User
    now: datetime
    address: str | None = None


__all__ = ["Author"]
