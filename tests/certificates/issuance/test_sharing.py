"""Orders that meet at one CA account: nobody inherits a proof, nobody destroys one, nobody waits for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest

from certificates import issuance
from certificates.models import AcmeOrder, Certificate
from tests.certificates.connectors.rough_ca import problem
from tests.certificates.issuance.desk import newest
from validation import ledger
from validation.models import Authorization, Control

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def holders(wanted):
    """Whose authorizations this request rests on."""
    return {row.owner for row in Authorization.objects.filter(acme_orders__issuance=wanted)}


# --- one customer -------------------------------------------------------------------------------------------


def test_a_request_made_anew_is_not_held_up_by_the_order_of_the_withdrawn_one(desk, alice):
    desk.ca.reuses_orders = True
    desk.shows = False
    first = desk.wish(alice, "shop.example")
    desk.run(MINUTE)
    issuance.withdraw(first, by=alice, now=desk.now)
    second = issuance.request(first.plan, by=alice, now=desk.now)
    desk.shows = True
    desk.run_until_issued(second, MINUTE)
    assert desk.ca.certificates == 1


def test_an_order_that_the_ca_keeps_ready_after_our_verdict_is_used_by_the_next_try(desk, alice):
    desk.ca.reuses_orders = True
    desk.ca.spoil("finalize", problem("caa", 403))
    wanted = desk.wish(alice, "shop.example")
    desk.settle(wanted)
    issuance.try_again(wanted, by=alice, now=desk.now)
    desk.run_until_issued(wanted, MINUTE)
    assert len(desk.ca.orders) == 1
    assert desk.ca.asked_for["chall"] == 1, "what was shown need not be shown again"


def test_an_authorization_that_the_ca_hands_out_again_is_looked_at_again(desk, alice):
    """We have closed its row with the first order; without a due moment nobody would ever look."""
    desk.ca.reuses_pending = True
    desk.shows = False
    wanted = desk.wish(alice, "one.example", "two.example")
    desk.run(MINUTE)
    desk.ca.authzs[0].status = "invalid"
    desk.ca.authzs[0].error = {"type": "urn:ietf:params:acme:error:dns", "detail": "NXDOMAIN"}
    AcmeOrder.objects.update(answered_at=desk.now, due_at=desk.now)
    desk.settle(wanted)
    assert Authorization.objects.get(identifier="two.example").due_at is None
    issuance.try_again(wanted, by=alice, now=desk.now)
    desk.settle(wanted)
    reused = Authorization.objects.get(identifier="two.example")
    assert (reused.status, reused.due_at is not None) == ("pending", True)
    desk.shows = True
    desk.run_until_issued(wanted, HOUR)


@pytest.mark.parametrize("reuse", ["reuses_orders", "reuses_pending", "reuses_valid"])
def test_two_plans_of_one_customer_for_the_same_names_both_get_theirs(desk, alice, reuse):
    setattr(desk.ca, reuse, True)
    first = desk.wish(alice, "shop.example", "*.shop.example")
    second = desk.wish(alice, "*.shop.example", "shop.example")
    desk.run(timedelta(hours=3))
    assert Certificate.objects.filter(issuance__in=[first, second]).count() == 2
    assert desk.ca.certificates == 2
    desk.check()


# --- two customers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reuse", ["reuses_orders", "reuses_pending", "reuses_valid"])
def test_two_customers_with_one_name_each_show_it_themselves(desk, alice, bob, reuse):
    setattr(desk.ca, reuse, True)
    wishes = [desk.wish(owner, "shop.example") for owner in (alice, bob)]
    desk.run(timedelta(hours=3))
    assert Certificate.objects.count() == 2
    for owner, wanted in zip((alice, bob), wishes, strict=True):
        assert holders(wanted) == {owner}
        assert Control.objects.filter(owner=owner).exists()
    desk.check()


def test_a_proof_that_anothers_order_is_about_to_use_is_not_taken_from_it(desk, alice, bob):
    desk.ca.reuses_valid = True
    first = desk.wish(alice, "shop.example")
    desk.ca.spoil("finalize", problem("serverInternal", 500))
    desk.run(MINUTE, until=lambda: newest(first).status == "ready" and not desk.ca.faults["finalize"])
    desk.shows = False
    second = desk.wish(bob, "shop.example")
    AcmeOrder.objects.filter(issuance=first).update(due_at=desk.now + MINUTE)
    desk.run(timedelta(seconds=30))
    assert desk.ca.asked_for["deactivate"] == 0
    assert newest(second).problem["type"] == "chancery:name_busy"
    assert "again by ourselves" in desk.standing(second).sentence
    desk.run(MINUTE * 2)
    assert Certificate.objects.get().owner == alice
    desk.run(HOUR)
    assert newest(second).waiting_for == "customer"
    assert not Certificate.objects.filter(owner=bob).exists()


def test_ten_names_that_another_has_proven_cost_one_fresh_start(desk, alice, bob):
    names = [f"n{number}.example" for number in range(10)]
    desk.account.shared = False  # so that nothing is given back
    desk.account.save()
    desk.ca.reuses_valid = True
    desk.run_until_issued(desk.wish(alice, *names))
    desk.shows = False
    theirs = desk.wish(bob, *names)
    desk.run(MINUTE)
    assert newest(theirs).attempt == 2
    assert newest(theirs).waiting_for == "customer"
    assert not Certificate.objects.filter(owner=bob).exists()
    desk.check()


def test_a_ca_that_keeps_what_another_has_proven_leads_to_an_operator_and_no_certificate(desk, alice, bob):
    desk.ca.reuses_valid = desk.ca.keeps_valid = True
    desk.run_until_issued(desk.wish(alice, "shop.example"))
    theirs = desk.wish(bob, "shop.example")
    order = desk.settle(theirs, timedelta(hours=3))
    assert order.waiting_for == "operator"
    assert not Certificate.objects.filter(owner=bob).exists()
    assert desk.ca.certificates == 1


def test_an_idle_customer_cannot_keep_a_name_from_another_for_ever(desk, alice, bob):
    desk.ca.reuses_pending = True
    desk.shows = False
    squatter = desk.wish(bob, "shop.example")
    desk.run(MINUTE)
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(hours=20))
    assert newest(wanted).problem["type"] == "chancery:name_busy"
    desk.run(timedelta(hours=5))
    assert holders(wanted) == {alice}
    desk.show(newest(wanted))
    desk.run(MINUTE * 11)
    assert Certificate.objects.get().owner == alice
    assert not Control.objects.filter(owner=bob).exists()
    desk.run(HOUR)
    assert newest(squatter).due_at is not None
    desk.check()


def test_the_busy_name_is_asked_about_seldom_and_leaves_no_orders_behind(desk, alice, bob):
    desk.ca.reuses_pending = True
    desk.shows = False
    desk.wish(bob, "shop.example")
    desk.run(MINUTE)
    desk.wish(alice, "shop.example")
    desk.run(timedelta(hours=10))
    assert len(desk.ca.orders) == 2


# --- the ledger between the steps ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["withdrawn", "expired"])
def test_control_that_ends_before_finalize_must_be_shown_again(desk, alice, how):
    desk.ca.reuses_valid = True
    desk.ca.spoil("finalize", problem("serverInternal", 500))
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: Control.objects.exists() and not desk.ca.faults["finalize"])
    desk.shows = False
    control = Control.objects.get()
    if how == "withdrawn":
        ledger.withdraw(control, "the domain was sold", "operator", desk.now)
    else:
        Control.objects.update(expires_at=desk.now)
    desk.run(HOUR)
    assert desk.ca.certificates == 0
    order = newest(wanted)
    assert (order.attempt, order.waiting_for) == (2, "customer")
    desk.shows = True
    desk.run_until_issued(wanted)


def test_the_ledger_keeps_the_method_of_the_challenge_that_was_answered(desk, alice):
    desk.ca.validates = "never"
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: newest(wanted).answered_at is not None)
    issuance.change_method(wanted, "shop.example", "http-01", by=alice, now=desk.now)
    desk.ca.authzs[0].status = "valid"
    desk.run_until_issued(wanted)
    assert Control.objects.get().method == "dns-01"


def test_a_ca_that_writes_names_its_own_way_is_understood(desk, alice, monkeypatch):
    right = desk.ca._authz

    def shouting(authz, request, path):
        reply = right(authz, request, path)
        star = "*." if reply.body.pop("wildcard", False) else ""
        reply.body["identifier"]["value"] = star + authz.identifier.upper() + "."
        return reply

    monkeypatch.setattr(desk.ca, "_authz", shouting)
    desk.run_until_issued(desk.wish(alice, "shop.example", "*.shop.example"))
    assert set(Control.objects.values_list("identifier", "wildcard")) == {
        ("shop.example", False),
        ("shop.example", True),
    }
