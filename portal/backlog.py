"""What is due and who holds it, queue by queue, as the database has it: one small indexed query each, however many rows there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Min, Q
from django.db.models.functions import Coalesce, Greatest

# More than so many are not counted: nobody acts otherwise on ten thousand than on a hundred thousand.
MOST_COUNTED = 10_000
# A worker sweeps every few seconds: what nobody has touched for so long, nobody is working on.
PATIENCE = timedelta(minutes=2)
# A healthy row is let go long before its lease ends. One that is claimed again and again is not.
AGAIN_AND_AGAIN = timedelta(minutes=10)


@dataclass(frozen=True)
class Backlog:
    """`due` counts rows that nobody holds, at most MOST_COUNTED; `untouched_since` is when the first of them was due or dropped.

    `held` counts rows that are worked this moment. `lapsed` counts rows whose worker died or gave up without a word,
    `lapsed_since` is the end of the oldest such lease. `again` counts rows that are claimed over and over and never let go.
    """

    queue: str
    due: int
    oldest_due: datetime | None
    untouched_since: datetime | None
    held: int
    lapsed: int
    lapsed_since: datetime | None
    again: int
    again_since: datetime | None

    def late(self, now: datetime, patience: timedelta = PATIENCE) -> bool:
        """True if a row has been ready for longer than `patience` and no worker took it."""
        return self.untouched_since is not None and self.untouched_since < now - patience


def backlogs(now: datetime) -> Iterator[Backlog]:
    """Look at every queue of the sweep."""
    # The sweep imports the whole house; who only wants the types above need not.
    from portal.sweeping import QUEUES

    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    lapsed = Q(lease_until__lt=now)
    again = Q(lease_until__gt=F("due_at") + AGAIN_AND_AGAIN)
    for name, (rows, _work) in QUEUES.items():
        due = rows.filter(due_at__isnull=False, due_at__lte=now).order_by("due_at")[:MOST_COUNTED]
        facts = due.aggregate(
            due=Count("pk", filter=free),
            oldest_due=Min("due_at", filter=free),
            untouched_since=Min(Greatest("due_at", Coalesce("lease_until", "due_at")), filter=free),
            held=Count("pk", filter=Q(lease_until__gte=now)),
            lapsed=Count("pk", filter=lapsed),
            lapsed_since=Min("lease_until", filter=lapsed),
            again=Count("pk", filter=again),
            again_since=Min("due_at", filter=again),
        )
        yield Backlog(name, **facts)


def not_worked(now: datetime, patience: timedelta) -> list[str]:
    """Return the queues with rows that have been ready for longer than `patience`: no worker is at them."""
    return [backlog.queue for backlog in backlogs(now) if backlog.late(now, patience)]
