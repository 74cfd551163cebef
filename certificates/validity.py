"""How long a certificate may last: data with dates (BR 6.3.2, ballot SC-081)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple


class Limit(NamedTuple):
    """From this day on, a newly issued certificate is valid for at most so many days."""

    since: datetime
    days: int


LIMITS = (
    Limit(datetime(2026, 3, 15, tzinfo=UTC), 200),
    Limit(datetime(2027, 3, 15, tzinfo=UTC), 100),
    Limit(datetime(2029, 3, 15, tzinfo=UTC), 47),
)


def longest_days(at: datetime) -> int:
    """The greatest lifetime of a certificate issued then; before the first date, the first limit."""
    return next((days for since, days in reversed(LIMITS) if at >= since), LIMITS[0][1])


def next_change(at: datetime) -> Limit | None:
    """The next limit and the day from which it holds; None after the last."""
    return next((limit for limit in LIMITS if limit[0] > at), None)
