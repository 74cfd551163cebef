"""What changes under the engine's hands: the plan, the request, the method, the key, the lease."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from certificates import issuance
from certificates.issuance import answering, proving
from certificates.issuance.walk import Walk
from certificates.models import AcmeOrder, Certificate, Issuance, PrivateKey
from leases import LEASE, LeaseLost
from orders.models import Plan
from tests.certificates.connectors.rough_ca import problem
from tests.certificates.issuance.desk import newest
from validation.models import Authorization, Challenge

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


# --- the plan -----------------------------------------------------------------------------------------------


def test_nothing_is_asked_of_the_ca_for_a_suspended_plan_and_all_goes_on_afterwards(desk, alice):
    wanted = desk.wish(alice, "shop.example")
    Plan.objects.suspend()
    desk.settle(wanted)
    assert desk.ca.counted == 0
    Plan.objects.resume()
    desk.run_until_issued(wanted)


def test_a_plan_suspended_between_the_answers_and_finalize_gets_no_certificate(desk, alice, monkeypatch):
    wanted = desk.wish(alice, "shop.example")
    right = proving.unproven

    def disputed_this_moment(walk):
        Plan.objects.suspend()
        return right(walk)

    monkeypatch.setattr(proving, "unproven", disputed_this_moment)
    desk.settle(wanted)
    assert desk.ca.asked_for["finalize"] == 0
    assert "suspended" in desk.standing(wanted).sentence
    monkeypatch.undo()
    Plan.objects.resume()
    desk.run_until_issued(wanted)


def test_a_certificate_that_is_signed_already_is_fetched_although_the_money_is_disputed(desk, alice):
    desk.ca.processing_polls = 3
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: newest(wanted).status == "processing")
    Plan.objects.suspend()
    desk.run_until_issued(wanted)
    assert Plan.objects.get().state == "suspended"


def test_an_ended_plan_ends_its_request_and_gives_its_authorizations_back(desk, alice):
    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE)
    wanted.plan.end()
    desk.run(HOUR)
    wanted.refresh_from_db()
    assert wanted.state == "withdrawn"
    assert desk.ca.authzs[0].status == "deactivated"
    assert desk.next_due() is None


# --- the request --------------------------------------------------------------------------------------------


def test_a_request_cannot_be_withdrawn_while_the_ca_signs(desk, alice):
    desk.ca.processing_polls = 3
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: newest(wanted).status == "processing")
    with pytest.raises(issuance.NotPossible, match="this moment"):
        issuance.withdraw(wanted, by=alice, now=desk.now)
    wanted.refresh_from_db()
    assert wanted.state == "wanted"
    desk.run_until_issued(wanted)


def test_a_request_withdrawn_the_moment_before_finalize_gets_no_certificate(desk, alice, monkeypatch):
    wanted = desk.wish(alice, "shop.example")
    right = proving.unproven

    def withdrawn_this_moment(walk):
        issuance.withdraw(wanted, by=alice, now=timezone.now())
        return right(walk)

    monkeypatch.setattr(proving, "unproven", withdrawn_this_moment)
    desk.run(HOUR)
    assert desk.ca.asked_for["finalize"] == 0
    assert desk.next_due() is None
    assert desk.ca.authzs[0].status == "deactivated"
    desk.check()


def test_an_order_that_was_polled_often_still_gives_back_what_it_holds(desk, alice):
    desk.ca.validates = "never"
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE * 5)
    issuance.withdraw(wanted, by=alice, now=desk.now)
    desk.run(HOUR)
    assert desk.ca.authzs[0].status == "deactivated"


def test_one_authorization_that_cannot_be_given_back_does_not_keep_the_others(desk, alice):
    wanted = desk.wish(alice, "one.example", "two.example")
    desk.ca.spoil("deactivate", problem("malformed", 400))
    desk.run_until_issued(wanted)
    assert [authz.status for authz in desk.ca.authzs] == ["valid", "deactivated"]


def test_a_withdrawal_during_a_walk_is_noticed_at_its_end(desk, alice, monkeypatch):
    wanted = desk.wish(alice, "shop.example")
    desk.shows = False
    right = answering.wait_for_customer

    def withdrawn_this_moment(walk, ends):
        issuance.withdraw(wanted, by=alice, now=timezone.now())
        return right(walk, ends)

    monkeypatch.setattr(answering, "wait_for_customer", withdrawn_this_moment)
    desk.run(MINUTE)
    assert desk.next_due() is None
    assert desk.ca.authzs[0].status == "deactivated"


def test_a_record_seen_while_the_engine_was_letting_go_does_not_wait_ten_minutes(desk, alice, monkeypatch):
    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    right = answering.wait_for_customer

    def seen_this_moment(walk, ends):
        rows = Authorization.objects.filter(acme_orders=walk.order)
        rows.update(shown_at=timezone.now(), due_at=None)
        AcmeOrder.objects.filter(pk=walk.order.pk).wake(timezone.now())  # finds the row held
        return right(walk, ends)

    monkeypatch.setattr(answering, "wait_for_customer", seen_this_moment)
    desk.run_until_issued(wanted, MINUTE)


# --- the method ---------------------------------------------------------------------------------------------


def test_a_method_changed_in_the_last_moment_is_the_one_that_is_answered(desk, alice, monkeypatch):
    wanted = desk.wish(alice, "shop.example")
    right, changed = Walk.hold, []

    def hold(walk, **values):
        right(walk, **values)
        if (
            walk.order.waiting_for == "customer"
            and not changed
            and newest(wanted).authorizations.filter(shown_at__isnull=False)
        ):
            changed.append(True)
            issuance.change_method(wanted, "shop.example", "http-01", by=alice, now=timezone.now())

    monkeypatch.setattr(Walk, "hold", hold)
    desk.run_until_issued(wanted, HOUR)
    assert changed
    assert Challenge.objects.get(answered_at__isnull=False).type == "http-01"
    assert desk.ca.authzs[0].answers == 1


# --- the key ------------------------------------------------------------------------------------------------


def test_no_certificate_is_asked_for_a_key_that_its_owner_has_destroyed(desk, alice):
    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE)
    PrivateKey.objects.get().destroy(desk.now)
    desk.shows = True
    desk.run(HOUR)
    wanted.refresh_from_db()
    assert wanted.state == "withdrawn"
    assert desk.ca.certificates == 0
    assert desk.next_due() is None


# --- the lease ----------------------------------------------------------------------------------------------


def test_a_worker_that_stood_still_after_its_claim_asks_nothing_and_writes_nothing(desk, alice):
    wanted = desk.wish(alice, "shop.example")
    slow = AcmeOrder.objects.claim(newest(wanted).pk, desk.now)
    desk.wait(LEASE + MINUTE)
    quick = AcmeOrder.objects.claim(newest(wanted).pk, desk.now)
    assert quick is not None
    with pytest.raises(LeaseLost):
        issuance.advance(slow)
    assert desk.ca.counted == 0
    issuance.advance(quick)
    assert desk.ca.asked_for["newOrder"] == 1


def test_a_second_issue_of_one_request_is_impossible_even_for_two_walks_at_once(desk, alice, monkeypatch):
    """Both have downloaded the certificate; the second finds the issuance issued and stores nothing."""
    from certificates.issuance import signing

    wanted = desk.wish(alice, "shop.example")
    right = signing.store

    def twice(walk, chain):
        certificate = right(walk, chain)
        with pytest.raises(LeaseLost):
            right(walk, chain)
        return certificate

    monkeypatch.setattr(signing, "store", twice)
    desk.run_until_issued(wanted)
    assert Certificate.objects.count() == 1
    assert Issuance.objects.get().state == "issued"
