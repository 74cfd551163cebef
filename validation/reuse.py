"""How long a proof of control may be relied on: data with dates (BR 4.2.1, ballot SC-081)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# From this moment on, a certificate may rest on a proof that is at most so old.
LIMITS: tuple[tuple[datetime, timedelta], ...] = (
    (datetime(2026, 3, 15, tzinfo=UTC), timedelta(days=200)),
    (datetime(2027, 3, 15, tzinfo=UTC), timedelta(days=100)),
    (datetime(2029, 3, 15, tzinfo=UTC), timedelta(days=10)),
)


def limit(at: datetime) -> timedelta:
    """The greatest age of a proof at that moment; before the first date, the first limit."""
    found = LIMITS[0][1]
    for since, longest in LIMITS:
        if at >= since:
            found = longest
    return found


def expires(shown_at: datetime) -> datetime:
    """The moment from which a proof shown at `shown_at` no longer counts.

    A shorter limit applies to older proofs too from its date on, so the end can be the date itself.
    """
    ends = [shown_at + limit(shown_at)]
    ends += [max(since, shown_at + longest) for since, longest in LIMITS if since > shown_at]
    return min(ends)
