"""certificates/issuance/syncing.py: what one worker has heard is not written over what another knows by now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from certificates.connectors.base import AuthorizationStatus
from certificates.issuance.syncing import sync_authorization
from certificates.models import AcmeOrder, CaUse, Certificate
from outbound import Call, unwatch, watch
from outbound.calls import Moment
from tests.certificates.issuance.desk import newest
from validation.models import Authorization

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def in_doubt(desk, alice, other_worker) -> list[str]:
    """A worker asks about a name, hears "pending" and is held up; meanwhile its lease lapses and another goes on."""
    desk.ca.validates = "never"
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: newest(wanted).answered_at is not None)
    done: list[str] = []

    def watcher(moment: Moment, this: Call) -> None:
        if moment == "after" and this.name == "ca.authorization" and not done:
            done.append(this.name)
            AcmeOrder.objects.filter(issuance=wanted).update(lease_until=None, due_at=desk.now)
            other_worker(wanted)

    watch(watcher)
    try:
        desk.run(timedelta(hours=1), until=lambda: bool(done))
    finally:
        unwatch(watcher)
    return done


def test_a_worker_that_was_overtaken_does_not_open_again_what_was_given_back(desk, alice):
    def issue(wanted) -> None:
        desk.ca.authzs[0].status = "valid"
        desk.run(MINUTE, until=lambda: Certificate.objects.exists())
        desk.run(MINUTE)

    assert in_doubt(desk, alice, issue)
    row = Authorization.objects.get()
    assert (row.status, row.due_at) == ("deactivated", None)
    assert desk.ca.authzs[0].status == "deactivated"
    assert Certificate.objects.count() == 1


def test_nor_what_was_found_valid_on_an_account_that_keeps_it(desk, alice):
    desk.account.shared = False
    desk.account.save()

    def issue(wanted) -> None:
        desk.ca.authzs[0].status = "valid"
        desk.run(MINUTE, until=lambda: Certificate.objects.exists())

    assert in_doubt(desk, alice, issue)
    assert Authorization.objects.get().status == "valid"


def test_the_row_in_hand_then_says_what_is_stored_and_nothing_is_counted_twice(desk, alice):
    desk.shows = False
    desk.wish(alice, "shop.example")
    desk.run(MINUTE)
    stale, current = Authorization.objects.get(), Authorization.objects.get()
    facts = _facts(desk, "invalid")
    sync_authorization(current, facts)
    sync_authorization(stale, facts)
    assert CaUse.objects.filter(kind="failures").count() == 1
    late = Authorization.objects.get()
    Authorization.objects.update(status="deactivated")
    sync_authorization(late, _facts(desk, "pending"))
    assert late.status == Authorization.objects.get().status == "deactivated"


def _facts(desk, status: str):
    from certificates.connection import connect

    desk.ca.authzs[0].status = status
    facts = connect(AcmeOrder.objects.get().account).authorization(Authorization.objects.get().url)
    assert facts.status is AuthorizationStatus(status)
    return facts
