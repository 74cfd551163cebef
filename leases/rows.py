"""The row is the queue: abstract model and QuerySet for rows that want work.

A row that wants work has `due_at` (null only when its story is over), `lease_until` and a fencing `epoch`.
A worker claims it by a compare-and-swap UPDATE whose row count must be 1, and every later write of that claim
checks the epoch. Correctness never rests on SKIP LOCKED, which Django silently drops on SQLite.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models import F, Q

LEASE = timedelta(seconds=90)  # more than three times the longest network timeout of one step (20 s)

LeasedRow = TypeVar("LeasedRow", bound="Leased")


class LeaseLost(Exception):
    """Another worker holds this row now; whoever catches this must stop without writing anything."""


class LeasedQuerySet(models.QuerySet[LeasedRow]):
    """Sentences about rows that want work."""

    def due(self, now: datetime) -> Self:
        """Return rows whose time has come and that nobody holds, the longest waiting first."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        return self.filter(free, due_at__isnull=False, due_at__lte=now).order_by("due_at")

    def claim(self, pk: Any, now: datetime) -> LeasedRow | None:
        """Take the row for LEASE, or return None when another worker was there first."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        lease = now + LEASE
        taken = self.filter(free, pk=pk, due_at__isnull=False, due_at__lte=now).update(
            lease_until=lease, epoch=F("epoch") + 1
        )
        # A worker that stood still between the two statements must not read another's epoch as its own.
        return self.filter(pk=pk, lease_until=lease).first() if taken == 1 else None

    def claim_next(self, now: datetime) -> LeasedRow | None:
        """Take the longest waiting free row, or return None when nothing is due."""
        for pk in self.due(now).values_list("pk", flat=True)[:20]:
            row = self.claim(pk, now)
            if row is not None:
                return row
        return None

    def wake(self, now: datetime) -> int:
        """Make unfinished rows due at once; return how many. Rows whose story is over stay asleep."""
        return self.filter(due_at__gt=now).update(due_at=now)


class Leased(models.Model):
    """A row that wants work until its story is over."""

    due_at = models.DateTimeField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    epoch = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        abstract = True

    def write(self, **values: Any) -> None:
        """Write columns under the claim. Raises LeaseLost when the epoch has moved on."""
        written = type(self)._default_manager.filter(pk=self.pk, epoch=self.epoch).update(**values)
        if written != 1:
            raise LeaseLost(f"{type(self).__name__} {self.pk}")
        for name, value in values.items():
            setattr(self, name, value)

    def renew_lease(self, now: datetime) -> None:
        """Hold on for another LEASE, right before an irreversible call. Raises LeaseLost."""
        self.write(lease_until=now + LEASE)

    def let_go(self, due_at: datetime | None, **values: Any) -> None:
        """End the claim: look again at `due_at`, or never (None: the story is over). Raises LeaseLost."""
        self.write(due_at=due_at, lease_until=None, **values)


def due_index(name: str) -> models.Index:
    """Return the partial index that keeps the due scan flat while finished rows pile up."""
    return models.Index(fields=["due_at"], name=name, condition=Q(due_at__isnull=False))
