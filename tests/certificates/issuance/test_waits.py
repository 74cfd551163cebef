"""A lost wake is noticed: within minutes at first, and by the hour, many at once, when somebody waits for long."""

from __future__ import annotations

from datetime import timedelta

from certificates.issuance import waits
from tests.conftest import NOW


def test_who_waits_for_a_customer_is_looked_at_soon_at_first():
    assert waits.customer(NOW, NOW, 1) == NOW + timedelta(minutes=10)
    assert waits.customer(NOW, NOW - timedelta(minutes=59), 1) == NOW + timedelta(minutes=10)


def test_later_thousands_share_a_handful_of_minutes():
    since, now = NOW - timedelta(days=1), NOW.replace(second=17)
    moments = {waits.customer(now, since, number) for number in range(10_000)}
    assert len(moments) == waits.SPREAD_MINUTES
    for moment in moments:
        assert (moment.second, moment.microsecond) == (0, 0)
        assert timedelta(minutes=50) < moment - now <= timedelta(hours=1)


def test_a_ca_that_says_in_a_second_for_hours_is_asked_ever_more_seldom():
    soon = NOW + timedelta(seconds=1)
    assert waits.next_poll(soon, NOW, 3) == soon
    assert waits.next_poll(soon, NOW, 30) == NOW + timedelta(minutes=1)
    assert waits.next_poll(soon, NOW, 200) == NOW + timedelta(minutes=10)


def test_a_ca_that_wants_to_be_left_alone_for_long_is():
    late = NOW + timedelta(hours=2)
    assert [waits.next_poll(late, NOW, tries) for tries in (0, 30, 200)] == [late] * 3
