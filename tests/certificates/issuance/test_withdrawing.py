"""A proof is withdrawn while an order rests on it: no certificate, until the name is shown again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from certificates import issuance
from certificates.models import AcmeOrder
from leases import LeaseLost
from outbound import Call, unwatch, watch
from outbound.calls import Moment
from tests.certificates.connectors.rough_ca import problem
from tests.certificates.issuance.desk import newest
from validation.models import Authorization, Control

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def proven(desk, alice):
    """alice's order, ready at the CA and proven, held up by the CA's own trouble; she shows nothing more."""
    desk.ca.reuses_valid = True
    desk.ca.spoil("finalize", problem("serverInternal", 500))
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: Control.objects.exists() and not desk.ca.faults["finalize"])
    desk.shows = False
    return wanted


def shown_again(desk, wanted) -> None:
    desk.run(timedelta(hours=1))
    assert desk.ca.certificates == 0
    assert (newest(wanted).attempt, newest(wanted).waiting_for) == (2, "customer")
    desk.shows = True
    desk.run_until_issued(wanted)


def test_the_order_begins_again_at_once(desk, proven, support):
    assert (
        issuance.withdraw_control(Control.objects.get(), "the domain was sold", by=support, now=desk.now) == 1
    )
    shown_again(desk, proven)


def test_a_worker_who_holds_the_order_cannot_finish_it(desk, proven, support):
    AcmeOrder.objects.filter(issuance=proven).update(due_at=desk.now, lease_until=None)
    claimed = AcmeOrder.objects.claim(newest(proven).pk, desk.now)
    issuance.withdraw_control(Control.objects.get(), "the domain was sold", by=support, now=desk.now)
    before = desk.ca.asked_for["finalize"]
    with pytest.raises(LeaseLost):
        issuance.advance(claimed)
    assert desk.ca.asked_for["finalize"] == before
    shown_again(desk, proven)


def test_older_proofs_of_the_name_go_too_and_other_names_stay(desk, alice, support):
    for _time in range(2):
        desk.run_until_issued(desk.wish(alice, "shop.example", "*.shop.example"))
    newest_proof = Control.objects.filter(wildcard=False).first()
    issuance.withdraw_control(newest_proof, "the domain was sold", by=support, now=desk.now)
    standing = Control.objects.of(alice).current(desk.now)
    assert set(standing.values_list("wildcard", flat=True)) == {True}
    assert standing.count() == 2


# --- what is shown, or on its way to the CA, before the withdrawal -----------------------------------------------


@pytest.fixture(params=[True, False], ids=["shared account", "account that keeps proofs"])
def certified(request, desk, alice):
    """alice has a certificate, and so a proof; the CA hands out again what it has found valid."""
    desk.ca.reuses_valid = desk.ca.reuses_pending = True
    desk.account.shared = request.param
    desk.account.save()
    desk.run_until_issued(desk.wish(alice, "shop.example"))
    # What the first order left valid is not offered to the next one: that has to be shown by itself.
    desk.ca.authzs[0].status = "expired"
    return desk


def withdraw_all(desk, support) -> None:
    for control in Control.objects.current(desk.now):
        issuance.withdraw_control(control, "the domain was sold", by=support, now=desk.now)


@contextmanager
def after_call(name: str, act) -> Iterator[list[str]]:
    """Do it once, in the worker's own time, right after a call to the CA has come back."""
    done: list[str] = []

    def watcher(moment: Moment, this: Call) -> None:
        if moment == "after" and this.name == name and not done:
            done.append(name)
            act()

    watch(watcher)
    try:
        yield done
    finally:
        unwatch(watcher)


def test_what_was_answered_before_it_is_no_proof_after_it(certified, alice, support):
    desk = certified
    desk.ca.validates = "never"
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: newest(wanted).answered_at is not None)
    answered = desk.ca.authzs[-1]
    withdraw_all(desk, support)
    answered.status, desk.ca.validates, desk.shows = "valid", "valid", False
    desk.run(timedelta(hours=1))
    assert answered.status == "deactivated"
    assert desk.ca.certificates == 1
    assert (newest(wanted).attempt, newest(wanted).waiting_for) == (2, "customer")
    desk.shows = True
    desk.run_until_issued(wanted)
    assert desk.ca.orders[-1].authzs[0] is not answered


@pytest.mark.parametrize("call", ["ca.challenge", "ca.order"])
def test_what_the_ca_has_found_valid_but_the_ledger_has_not_entered_is_no_proof(
    certified, alice, support, call
):
    desk = certified
    wanted = desk.wish(alice, "shop.example")
    with after_call(call, lambda: withdraw_all(desk, support)) as done:
        desk.run(MINUTE, until=lambda: bool(done))
    assert done
    found = desk.ca.authzs[-1]
    assert found.status in {"valid", "deactivated"}
    desk.shows = False
    desk.run(timedelta(hours=1))
    assert found.status == "deactivated"
    assert desk.ca.certificates == 1
    assert (newest(wanted).attempt, newest(wanted).waiting_for) == (2, "customer")
    desk.shows = True
    desk.run_until_issued(wanted)


def test_what_is_in_place_but_not_answered_yet_begins_again_at_once(certified, alice, support):
    desk = certified
    desk.shows = False
    wanted = desk.wish(alice, "shop.example", "www.shop.example")
    desk.run(MINUTE)
    Authorization.objects.filter(acme_orders=newest(wanted), identifier="shop.example").update(
        shown_at=desk.now
    )
    waiting = {authz.identifier: authz for authz in desk.ca.orders[-1].authzs}
    withdraw_all(desk, support)
    desk.run(MINUTE)
    assert newest(wanted).attempt == 2
    assert waiting["shop.example"].status == "deactivated"
    desk.shows = True
    desk.run_until_issued(wanted)
    # The other name was not touched by it: its value stays what the customer has published.
    assert waiting["www.shop.example"] in desk.ca.orders[-1].authzs


def test_a_request_that_was_given_up_leaves_no_proof_for_after_it(certified, alice, support):
    desk = certified
    desk.ca.validates = "never"
    given_up = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: newest(given_up).answered_at is not None)
    left = desk.ca.authzs[-1]
    desk.ca.spoil_always("deactivate", problem("serverInternal", 500))
    issuance.withdraw(given_up, by=alice, now=desk.now)
    desk.run(timedelta(days=3))
    left.status, desk.ca.validates = "valid", "valid"
    withdraw_all(desk, support)
    desk.ca.heal()
    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(hours=1))
    assert left.status == "deactivated"
    assert desk.ca.certificates == 1
    assert newest(wanted).waiting_for == "customer"


def test_a_worker_that_reads_the_cas_verdict_meanwhile_enters_nothing(certified, alice, support):
    desk = certified
    desk.ca.validates = "never"
    wanted = desk.wish(alice, "shop.example", "www.shop.example")
    desk.run(MINUTE, until=lambda: newest(wanted).answered_at is not None)
    shop, www = desk.ca.orders[-1].authzs
    shop.status, www.status = "valid", "invalid"
    www.error = {"type": "urn:ietf:params:acme:error:unauthorized", "detail": "Wrong.", "status": 403}
    with after_call("ca.authorization", lambda: withdraw_all(desk, support)) as done:
        desk.run(timedelta(minutes=5))
    assert done
    assert not Control.objects.of(alice).current(desk.now).exists()
