"""validation/reuse.py: 200, 100 and 10 days by date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from validation.reuse import LIMITS, expires, limit


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("shown", "until"),
    [
        ("2026-06-01", "2026-12-18"),  # 200 days, all before the change
        ("2026-11-23", "2027-03-15"),  # older than 100 days when the limit falls: ends that day
        ("2026-12-05", "2027-03-15"),  # exactly 100 days on that day
        ("2026-12-06", "2027-03-16"),  # younger: its own 100 days
        ("2027-03-15", "2027-06-23"),
        ("2028-12-31", "2029-03-15"),
        ("2029-03-10", "2029-03-20"),
        ("2029-03-15", "2029-03-25"),
        ("2035-01-01", "2035-01-11"),
    ],
)
def test_a_proof_ends_by_the_table(shown, until):
    assert expires(day(shown)) == day(until)


def test_no_proof_is_ever_used_beyond_the_limit_of_that_day():
    for offset in range(1500):
        shown = day("2026-01-01") + timedelta(days=offset)
        last = expires(shown) - timedelta(seconds=1)
        assert last - shown <= limit(last)


def test_the_table_only_gets_stricter():
    assert [since for since, _ in LIMITS] == sorted(since for since, _ in LIMITS)
    assert [longest for _, longest in LIMITS] == sorted((longest for _, longest in LIMITS), reverse=True)
