"""The sweep: every kind in turn, nothing lost when one fails, and a lookout that wakes the order it was looking for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from accounts import mail as letters
from accounts.models import Letter
from audit.models import Link
from audit.record import record
from audit.vocabulary import Action
from certificates.models import AcmeOrder, Issuance
from portal import sweeping
from portal.precheck import caa_check
from tests.factories import plan_for
from validation.models import Authorization
from validation.problems import Finding

pytestmark = pytest.mark.django_db


def letter(n: int) -> Letter:
    return letters.post(
        to="alice@example.org", kind="test", occasion=f"t:{n}", subject=f"s{n}", body="b", now=timezone.now()
    )


def test_it_works_until_nothing_is_due():
    for n in range(3):
        letter(n)
    assert sweeping.sweep() == 3
    assert len(mail.outbox) == 3
    assert sweeping.sweep() == 0


def test_one_failing_row_holds_up_nobody(monkeypatch):
    bad = letter(1)
    letter(2)
    rows, work = sweeping.QUEUES["letters"]

    def fails_for_one(row, now):
        if row.pk == bad.pk:
            raise RuntimeError("boom")
        work(row, now)

    monkeypatch.setitem(sweeping.QUEUES, "letters", (rows, fails_for_one))
    sweeping.sweep()
    assert [m.subject for m in mail.outbox] == ["s2"]
    bad.refresh_from_db()
    assert bad.due_at is not None  # tried again when its lease lapses
    assert bad.lease_until is not None


def test_many_rows_of_one_kind_do_not_hold_up_another(monkeypatch):
    seen = []

    def noting(word):
        def work(row, now):
            seen.append(word)
            row.let_go(None)

        return work

    for n in range(5):
        letter(n)
    _order(plan_for(_customer()))
    monkeypatch.setitem(sweeping.QUEUES, "letters", (Letter.objects, noting("letter")))
    monkeypatch.setitem(sweeping.QUEUES, "acme_orders", (AcmeOrder.objects, noting("order")))
    sweeping.sweep()
    assert seen.index("order") <= 1
    assert seen.count("letter") == 5


def test_what_is_seen_in_place_wakes_the_order_that_waits_for_it(monkeypatch):
    order = _order(plan_for(_customer()), due_in=timedelta(minutes=10))
    row = Authorization.objects.create(
        owner=order.issuance.plan.owner,
        url="https://ca.example/authz/1",
        identifier="shop.example",
        method="dns-01",
        created_at=timezone.now(),
        due_at=timezone.now(),
    )
    order.authorizations.add(row)
    finding = Finding(slug="in_place", in_place=True, expected="x", seen="x")
    monkeypatch.setattr(sweeping.probing, "look", lambda authorization, now, when_shown, _forbidden: finding)
    sweeping.look(row, timezone.now())
    order.refresh_from_db()
    assert order.due_at <= timezone.now()


def test_the_next_due_time_is_known():
    assert sweeping.next_due() is None
    later = timezone.now() + timedelta(minutes=3)
    letter(1)
    Letter.objects.update(due_at=later)
    assert sweeping.next_due() == later


def test_tidying_seals_what_memory_gained():
    first = letter(1)
    record(Action.LETTER_SENT, first, now=timezone.now() - timedelta(minutes=5), by="test")
    sweeping.tidy(timezone.now())
    assert Link.objects.count() == 1


def test_the_shop_asks_caa_only_where_a_ca_can_issue(settings):
    from tests.factories import ProductFactory

    assert caa_check(ProductFactory(), []) == []


def _customer():
    from tests.factories import UserFactory

    return UserFactory()


def _order(plan, due_in: timedelta = timedelta(0)) -> AcmeOrder:
    wanted = Issuance.objects.create(plan=plan, names=[], created_at=timezone.now())
    account = plan.product.ca_accounts.first()
    return AcmeOrder.objects.create(
        issuance=wanted, account=account, created_at=timezone.now(), due_at=timezone.now() + due_in
    )
