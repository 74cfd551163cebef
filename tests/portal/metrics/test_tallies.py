"""Tallies: everything counted once, by whoever comes, and nothing lost at a restart."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest

from audit.chain import SETTLING
from audit.record import record
from audit.vocabulary import Action
from certificates.models import Certificate
from orders.models import Order
from portal.metrics import tallies
from portal.models import Tally
from tests.factories import certificate_for, plan_for
from tests.portal.metrics.figures import Figures

pytestmark = pytest.mark.django_db


def figures() -> Figures:
    registry = CollectorRegistry()
    registry.register(tallies.Tallies())
    return Figures(generate_latest(registry).decode())


def happened(on, action=Action.LETTER_SENT, *, ago: timedelta = timedelta(minutes=5)):
    return record(action, on, now=timezone.now() - ago, by="test")


def issued(alice, host: str, seconds: float, kind: str = "first") -> Certificate:
    """A certificate that was there so many seconds after its payment."""
    plan, now = plan_for(alice, host), timezone.now() - timedelta(hours=1)
    certificate = certificate_for(plan, issued_at=now, kind=kind)
    Order.objects.filter(pk=plan.item.order_id).update(paid_at=now - timedelta(seconds=seconds))
    happened(certificate, Action.CERTIFICATE_ISSUED)
    return certificate


def test_each_entry_is_counted_once(alice):
    for _n in range(3):
        happened(alice)
    happened(alice, Action.ORDER_PAID)
    now = timezone.now()
    assert tallies.count(now) == 4
    assert tallies.count(now) == 0
    happened(alice)
    assert tallies.count(now) == 1
    assert figures().value("chancery_happened_total", what="letter:sent") == 4
    assert figures().value("chancery_happened_total", what="order:paid") == 1


def test_issuances_that_ended_are_told_by_their_state(alice):
    for _n in range(2):
        happened(alice, Action.CERTIFICATE_ISSUED)
    happened(alice, Action.ISSUANCE_WITHDRAWN)
    tallies.count(timezone.now())
    told = {
        state: figures().value("chancery_issuances_ended_total", state=state)
        for state in ("issued", "failed", "withdrawn")
    }
    assert told == {"issued": 2, "failed": 0, "withdrawn": 1}


def test_what_has_not_settled_waits_and_nothing_behind_it_is_taken(alice):
    happened(alice)
    happened(alice, ago=timedelta(0))
    happened(alice)
    now = timezone.now()
    assert tallies.count(now) == 1
    assert tallies.count(now + SETTLING + timedelta(seconds=1)) == 2


def test_two_counters_at_once_count_once(alice, monkeypatch):
    happened(alice)
    tallies.count(timezone.now())
    happened(alice)
    now = timezone.now()
    settled = tallies._settled

    def meanwhile(read_to, moment):
        news = settled(read_to, moment)
        monkeypatch.setattr(tallies, "_settled", settled)
        assert tallies.count(moment) == 1
        return news

    monkeypatch.setattr(tallies, "_settled", meanwhile)
    assert tallies.count(now) == 0
    assert figures().value("chancery_happened_total", what="letter:sent") == 2


def test_a_worker_killed_half_way_has_counted_nothing(alice, monkeypatch):
    happened(alice)
    monkeypatch.setattr(tallies, "_add", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tallies.count(timezone.now())
    monkeypatch.undo()
    assert not Tally.objects.exists()
    assert tallies.count(timezone.now()) == 1


def test_more_than_a_batch_is_counted_in_several_goes(alice, monkeypatch):
    monkeypatch.setattr(tallies, "BATCH", 2)
    for _n in range(5):
        happened(alice)
    tallies.bring_up_to_date(timezone.now())
    assert figures().value("chancery_happened_total", what="letter:sent") == 5


def test_the_time_from_payment_to_issue_is_a_histogram_of_first_certificates(alice):
    issued(alice, "a.example", 8)
    issued(alice, "b.example", 60)
    issued(alice, "c.example", 61)
    issued(alice, "d.example", 10**7)
    issued(alice, "e.example", 5, kind="reissue")
    tallies.count(timezone.now())
    page, name = figures(), "chancery_paid_to_issued_seconds"
    assert [page.value(f"{name}_bucket", le=le) for le in ("10", "30", "60", "120", "604800", "+Inf")] == [
        1,
        1,
        2,
        3,
        3,
        4,
    ]
    assert page.value(f"{name}_count") == 4
    assert page.value(f"{name}_sum") == 8 + 60 + 61 + 10**7


def test_a_clock_that_went_backwards_makes_no_negative_time(alice):
    issued(alice, "a.example", -5)
    tallies.count(timezone.now())
    assert figures().value("chancery_paid_to_issued_seconds_sum") == 0
