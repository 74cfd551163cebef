"""What each refusal of a CA leads to: rows with a next moment or an end, one sentence that is true, no hot loop."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Letter
from audit.models import Entry
from certificates.models import AcmeOrder, CaAccount, Certificate
from certificates.standing import Headline
from tests.certificates.connectors.rough_ca import Reply, problem
from tests.certificates.issuance.desk import newest
from tests.factories import CaAccountFactory, ProductIssuerFactory

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


# --- the account --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["userActionRequired", "externalAccountRequired", "invalidContact"])
def test_an_account_in_trouble_pauses_its_queue_until_an_operator_resumes_it(
    desk, alice, bob, client, operator, word
):
    desk.ca.spoil_always("newOrder", problem(word, 403, detail="Terms have changed."))
    first, second = desk.wish(alice, "shop.example"), desk.wish(bob, "other.example")
    desk.run(HOUR)
    desk.account.refresh_from_db()
    assert desk.account.paused_at is not None
    assert "Terms have changed." in desk.account.paused_why
    assert desk.ca.asked_for["newOrder"] == 1, "the second order need not learn it too"
    for wanted in (first, second):
        assert newest(wanted).waiting_for == "operator"
        assert "needs our staff" in desk.standing(wanted).sentence
    assert Entry.objects.filter(action="ca_account:paused").count() == 1
    desk.check()

    desk.ca.heal()
    assert desk.account.resume()
    AcmeOrder.objects.open().filter(account=desk.account).wake(desk.now)  # as the admin's button does
    desk.run(MINUTE)
    assert Certificate.objects.count() == 2
    desk.check()


def test_a_deactivated_account_is_unauthorized_everywhere_and_pauses(desk, alice):
    wanted = desk.wish(alice, "shop.example")
    desk.shows = False
    desk.run(MINUTE)
    for verb in ("order", "authz", "chall", "newAccount"):
        desk.ca.spoil_always(verb, problem("unauthorized", 401, detail="Account is deactivated."))
    desk.shows = True
    desk.settle(wanted)
    desk.account.refresh_from_db()
    assert desk.account.paused_at is not None


def test_unauthorized_about_one_order_does_not_stop_all_customers(desk, alice, bob):
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: newest(wanted).answered_at is not None)
    desk.ca.spoil("order", problem("unauthorized", 403, detail="This order is not yours."))
    desk.run(MINUTE)
    desk.account.refresh_from_db()
    assert desk.account.paused_at is None
    desk.run_until_issued(wanted)
    desk.run_until_issued(desk.wish(bob, "other.example"))


def test_a_ca_that_forgot_the_account_is_told_again_and_issues_with_the_same_key(desk, alice):
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: newest(wanted).answered_at is not None)
    wanted.refresh_from_db()
    key, csr = wanted.key_id, bytes(wanted.csr)
    desk.ca.forget_everything()
    desk.run_until_issued(wanted)
    wanted.refresh_from_db()
    assert (wanted.key_id, bytes(wanted.csr)) == (key, csr)
    assert desk.ca.certificates == 1


def test_a_ca_that_never_remembers_the_account_is_not_asked_in_a_loop(desk, alice):
    desk.ca.spoil_always("newOrder", problem("accountDoesNotExist", 400))
    wanted = desk.wish(alice, "shop.example")
    desk.settle(wanted, timedelta(hours=3))
    assert desk.ca.asked_for["newOrder"] < 12


def test_a_disabled_account_hands_a_fresh_order_to_the_next_one(desk, alice):
    wanted = desk.wish(alice, "shop.example")
    other = CaAccountFactory(
        name="Second CA", directory_url=desk.account.directory_url, roots_pem=desk.account.roots_pem
    )
    ProductIssuerFactory(product=wanted.plan.product, account=other, position=1)
    CaAccount.objects.filter(pk=desk.account.pk).update(enabled=False)
    desk.run_until_issued(wanted)
    assert newest(wanted).account == other


def test_with_every_account_disabled_an_operator_is_needed(desk, alice):
    wanted = desk.wish(alice, "shop.example")
    CaAccount.objects.filter(pk=desk.account.pk).update(enabled=False)
    order = desk.settle(wanted)
    assert order.waiting_for == "operator"
    assert desk.ca.counted == 0
    CaAccount.objects.filter(pk=desk.account.pk).update(enabled=True)
    desk.run_until_issued(wanted)


def test_an_account_that_no_key_encryption_key_opens_waits_for_staff(desk, alice):
    desk.account.sealed_key = b"CS\x01 not really sealed at all"
    desk.account.save()
    wanted = desk.wish(alice, "shop.example")
    order = desk.settle(wanted)
    desk.account.refresh_from_db()
    assert order.waiting_for == "operator"
    assert "KEY_ENCRYPTION_KEYS" in desk.account.paused_why


# --- the order ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["order", "authz", "chall"])
def test_what_the_ca_no_longer_has_leads_to_a_fresh_order_with_the_same_key(desk, alice, verb):
    desk.ca.spoil(verb, problem("malformed", 404, detail="No such thing."))
    wanted = desk.wish(alice, "shop.example")
    desk.run_until_issued(wanted)
    assert newest(wanted).attempt == 2
    assert wanted.acme_orders.get(attempt=1).status == "invalid"
    assert Letter.objects.filter(kind="validation_failed").count() == 0, "nothing that the customer did"


def test_a_ca_that_loses_every_order_is_not_asked_in_a_loop(desk, alice):
    desk.ca.spoil_always("authz", problem("malformed", 404))
    wanted = desk.wish(alice, "shop.example")
    order = desk.settle(wanted, timedelta(hours=6))
    assert desk.ca.asked_for["newOrder"] <= 12
    assert order.waiting_for == "operator"


def test_order_not_ready_at_finalize_means_look_at_the_order(desk, alice):
    desk.ca.spoil("finalize", problem("orderNotReady", 403))
    desk.run_until_issued(desk.wish(alice, "shop.example"))


def test_order_not_ready_for_ever_is_not_asked_in_a_loop(desk, alice):
    desk.ca.spoil_always("finalize", problem("orderNotReady", 403))
    wanted = desk.wish(alice, "shop.example")
    desk.settle(wanted, timedelta(hours=6))
    assert desk.ca.asked_for["finalize"] < 16
    assert Entry.objects.filter(action="acme_order:finalized").count() == 1
    desk.ca.heal()
    desk.run_until_issued(wanted)


def test_a_finalize_whose_answer_was_lost_is_not_sent_twice(desk, alice):
    desk.ca.spoil("finalize", Reply(dies="before"), acts=True)
    desk.run_until_issued(desk.wish(alice, "shop.example"))
    assert desk.ca.asked_for["finalize"] == 1
    assert desk.ca.certificates == 1


def test_processing_for_hours_is_waited_for_ever_more_patiently(desk, alice):
    desk.ca.processing_polls = 150
    wanted = desk.wish(alice, "shop.example")
    desk.settle(wanted, HOUR)
    order = newest(wanted)
    assert order.status == "processing"
    assert desk.standing(wanted).slug is Headline.ISSUING
    desk.settle(wanted, timedelta(hours=2))
    assert Certificate.objects.count() == 1


def test_an_order_that_stays_pending_after_the_answers_is_answered_again_but_not_hot(desk, alice):
    desk.ca.validates = "never"
    wanted = desk.wish(alice, "shop.example")
    desk.settle(wanted, timedelta(hours=3))
    desk.ca.validates = "valid"
    for authz in desk.ca.authzs:
        authz.answered = ""  # the CA forgot that it was told
    desk.run_until_issued(wanted)


def test_an_order_that_ends_without_a_reason_is_opened_anew(desk, alice):
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: newest(wanted).answered_at is not None)
    desk.ca.orders[0].status = "invalid"
    desk.run_until_issued(wanted)
    assert newest(wanted).attempt == 2


@pytest.mark.parametrize("status", ["expired", "deactivated", "revoked"])
def test_an_authorization_that_ends_by_itself_leads_to_a_fresh_order(desk, alice, status):
    wanted = desk.wish(alice, "one.example", "two.example")
    desk.shows = False
    desk.run(MINUTE)
    desk.ca.authzs[0].status = status
    desk.shows = True
    desk.run_until_issued(wanted)
    assert newest(wanted).attempt == 2


def test_an_idle_customers_expired_order_rests_and_they_are_told_that_it_has_expired(desk, alice):
    desk.shows = False
    desk.ca.expires = desk.now + timedelta(hours=9)
    wanted = desk.wish(alice, "shop.example")
    desk.settle(wanted, timedelta(hours=8))
    assert newest(wanted).status == "pending"
    desk.ca.expires = desk.now + timedelta(hours=9)
    desk.settle(wanted, timedelta(hours=2))
    assert (newest(wanted).attempt, newest(wanted).status) == (1, "invalid")
    assert newest(wanted).waiting_for == "customer"
    assert list(Letter.objects.values_list("kind", flat=True)) == ["order_expired"]


def test_an_authorization_that_expires_before_its_order_does_not_leave_it_waiting(desk, alice):
    desk.shows = False
    desk.ca.authz_expires = desk.now + timedelta(days=1)
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(hours=23))
    desk.ca.authz_expires = None
    desk.run(timedelta(hours=3))
    assert newest(wanted).ended_at is not None
    desk.check()
