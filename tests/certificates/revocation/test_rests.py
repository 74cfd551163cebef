"""Revocations and a CA that is down: they trip the breaker as orders do, and one of them tries when a rest ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from certificates import issuance
from certificates.issuance import breaker
from certificates.models import AcmeOrder, CaAccount, Certificate, Revocation
from portal.staff.stuck import board
from tests.certificates.connectors.rough_ca import problem
from tests.certificates.revocation.test_revoking import ask, issued, work
from tests.factories import UserFactory, plan_for

pytestmark = pytest.mark.django_db

BROKEN = problem("serverInternal", 500)


def row() -> CaAccount:
    return CaAccount.objects.get()


def asked_for(desk, count: int) -> list[Revocation]:
    return [ask(issued(desk, UserFactory(), f"n{n}.example")) for n in range(count)]


def work_all() -> None:
    while work():
        pass


def test_five_revocations_that_fail_trip_the_breaker_and_the_sixth_is_not_sent(desk, ca):
    rows = asked_for(desk, 6)
    ca.spoil_always("revokeCert", BROKEN)
    work_all()
    account = row()
    assert len(ca.revocations) == breaker.FAILURES
    assert account.failures == breaker.FAILURES
    assert desk.now < account.resting_until <= desk.now + timedelta(seconds=30)
    last = Revocation.objects.get(pk=rows[-1].pk)
    assert (last.due_at, last.tries) == (account.resting_until, 0)


def test_when_a_rest_ends_one_revocation_tries_and_the_others_wait_for_it(desk, ca):
    asked_for(desk, 4)
    ca.spoil_always("revokeCert", BROKEN)
    CaAccount.objects.update(failures=7, resting_until=desk.now + timedelta(seconds=30))
    desk.wait(timedelta(seconds=31))
    work_all()
    assert len(ca.revocations) == 1
    assert row().resting_until > desk.now
    assert Revocation.objects.filter(tries=0).count() == 3


def test_a_revocation_that_succeeds_after_a_rest_wakes_the_orders_that_wait(desk, ca, alice):
    asked_for(desk, 1)
    CaAccount.objects.update(failures=5, resting_until=desk.now + timedelta(seconds=30))
    wanted = issuance.request(plan_for(alice, "shop.example", account=desk.account), by=alice, now=desk.now)
    assert desk.step()
    order = wanted.acme_orders.get()
    assert order.problem["type"] == "chancery:ca_resting"
    desk.wait(timedelta(seconds=31))
    AcmeOrder.objects.filter(pk=order.pk).update(due_at=desk.now + timedelta(minutes=5))
    work_all()
    assert len(ca.revocations) == 1
    assert (row().failures, row().resting_until) == (0, None)
    order.refresh_from_db()
    assert order.due_at <= timezone.now()


def test_a_revocation_refused_for_its_own_sake_leaves_the_trial_to_the_next(desk, ca):
    asked_for(desk, 2)
    ca.spoil("revokeCert", problem("malformed", 400))
    CaAccount.objects.update(failures=5, resting_until=desk.now + timedelta(seconds=30))
    desk.wait(timedelta(seconds=31))
    work_all()
    assert len(ca.revocations) == 2
    assert Revocation.objects.filter(done_at__isnull=False).count() == 1
    assert row().resting_until is None


def test_revocations_alone_never_make_a_rest_long_nor_look_like_an_outage_to_orders(desk, ca):
    asked_for(desk, 1)
    ca.spoil_always("revokeCert", BROKEN)
    CaAccount.objects.update(failures=5, resting_until=desk.now)
    for _hour in range(12):
        Revocation.objects.update(due_at=desk.now)
        work_all()
        desk.wait(timedelta(hours=1))
    assert len(ca.revocations) == 12
    assert row().failures == breaker.FAILURES
    assert breaker.down_for(row()) == timedelta(0)


def test_one_that_is_held_back_by_a_rest_is_shown_to_staff_after_a_while(desk, ca):
    asked_for(desk, 1)
    CaAccount.objects.update(
        failures=9, trouble="serverInternal: down", resting_until=desk.now + timedelta(minutes=9)
    )
    work_all()
    assert ca.revocations == []
    title = "Certificates that should be revoked"

    def shown() -> list:
        sections = board(timezone.now(), lambda permission: True, [])
        return [
            row for part in sections for group in part.groups if group.title == title for row in group.rows
        ]

    assert shown() == []
    desk.wait(timedelta(minutes=11))
    CaAccount.objects.update(resting_until=desk.now + timedelta(minutes=5))
    work_all()
    (found,) = shown()
    assert "has not revoked the certificate yet" in str(found.why)
    assert "left in peace" in found.words
    assert found.next_at == row().resting_until
    assert Certificate.objects.get().state == "valid"
