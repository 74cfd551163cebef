"""A CA that forgets, one that repeats itself, and one that refuses nonces: the paid order comes to its one certificate."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Letter
from audit.models import Entry
from audit.vocabulary import Action
from certificates import issuance
from certificates.chain import read_chain
from certificates.models import AcmeOrder, CaAccount, Certificate, Issuance
from sandbox.faults import misdeeds
from tests.certificates.issuance.desk import newest
from tests.faults.ca import known, strike
from tests.faults.desk import business
from tests.faults.seen import NOTHING, Seen, assert_seen

pytestmark = [pytest.mark.django_db, pytest.mark.town]

TROUBLE = "The certificate authority does not answer as it should right now. We try again by ourselves."
READY = "Your certificate is ready"
TRANSPORT = "urn:chancery:error:transport"


@pytest.mark.parametrize(
    ("kind", "orders"),
    [
        ("newOrder", 1),
        ("authorization", 2),
        ("challenge", 2),
        ("order", 2),
        ("finalize", 2),
        ("certificate", 2),
    ],
)
def test_a_ca_that_starts_anew_without_its_state_is_told_everything_again(desk, alice, kind, orders):
    wanted = desk.wish(alice, "shop.example")
    desk.ca.spoil(strike("restart", misdeeds.forgetful, kind))
    stop = desk.watch(wanted)
    desk.until_struck(wanted)
    stop()
    assert business(wanted) == desk.seen, "a connection that broke says nothing"
    assert_seen(desk, wanted, Seen((TROUBLE, "The CA cannot be reached right now."), (TRANSPORT,), NOTHING))
    key, csr = wanted.key_id, bytes(wanted.csr)
    desk.account.refresh_from_db()
    old = desk.account.account_url
    desk.until_over(wanted)
    last = f"Order no. {orders} at {desk.account.name} Valid"
    assert_seen(desk, wanted, Seen((READY,), (last,), NOTHING))
    wanted.refresh_from_db()
    desk.account.refresh_from_db()
    assert (wanted.key_id, bytes(wanted.csr)) == (key, csr)
    assert wanted.acme_orders.count() == orders
    assert desk.account.account_url != old, "the account was opened again"
    assert desk.account.paused_at is None
    assert not Letter.objects.filter(kind="validation_failed").exists()
    stored = Certificate.objects.get()
    assert stored.spki_sha256 == wanted.key.spki_sha256
    assert read_chain(stored.leaf_pem + stored.chain_pem).serial == stored.serial


def test_an_order_whose_answer_was_lost_is_found_again_and_not_made_twice(desk, alice):
    wanted = desk.wish(alice, "shop.example")
    desk.ca.spoil(known("sameorder"))
    desk.until_struck(wanted)
    assert newest(wanted).url is None
    assert newest(wanted).intent_at is not None
    assert_seen(desk, wanted, Seen((TROUBLE, "The CA cannot be reached right now."), (TRANSPORT,), NOTHING))
    desk.until_over(wanted)
    assert desk.ca.asked_for["newOrder"] == 1, "the CA's list told it"
    assert wanted.acme_orders.count() == 1


def test_without_a_list_the_ca_itself_gives_the_same_pending_order(desk, alice):
    wanted = desk.wish(alice, "shop.example")
    hidden = strike("no list", misdeeds.refusal("serverInternal", 404, "Not offered."), "orders", times=None)
    nothing = strike(
        "no list", lambda request, ca: ca.ask(request).saying(orders=None), "newAccount", times=None
    )
    desk.ca.spoil(known("sameorder"), hidden, nothing)
    desk.until_over(wanted)
    assert desk.ca.asked_for["newOrder"] == 2
    assert wanted.acme_orders.count() == 1


def test_two_customers_who_get_the_same_pending_order_wait_for_each_other_and_prove_for_themselves(
    desk, alice, bob
):
    desk.ca.spoil(strike("same", misdeeds.same_order_for_all, "newOrder", times=None))
    first = desk.wish(alice, "shop.example")
    desk.shows = False
    desk.run(timedelta(minutes=1))
    second = desk.wish(bob, "shop.example")
    desk.run(timedelta(minutes=1))
    assert newest(first).url is not None
    assert (newest(second).url, newest(second).waiting_for) == (None, "ca")
    held_up = "Another order for one of these names is under way"
    read = assert_seen(desk, second, Seen((held_up,), (held_up, "Waiting for: CA"), NOTHING))
    assert "alice" not in read
    desk.wait(timedelta(minutes=10))
    assert_seen(desk, second, Seen((held_up,), (held_up,), "Waiting for the CA", (held_up,)))
    desk.shows = True
    desk.run(timedelta(days=2))
    owners = list(Certificate.objects.order_by("owner__email").values_list("owner__email", flat=True))
    assert owners == ["alice@example.org", "bob@example.org"]
    # Pebble may hand out to bob what alice has shown; then his order is given back, and he has a second one.
    given_back = AcmeOrder.objects.filter(problem__type="chancery:not_this_customer").count()
    assert given_back <= 1
    assert AcmeOrder.objects.exclude(url=None).values("url").distinct().count() == 2 + given_back
    desk.check()  # each of them has shown the name


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_refused_nonces_cost_requests_and_nothing_else(desk, alice, share):
    wanted = desk.wish(alice, "one.example", "two.example", "three.example")
    plan = desk.ca.spoil(known("badnonce", share=share), seed=3)
    before = desk.now
    desk.until_over(wanted)
    assert plan.count("badnonce") > 1
    assert wanted.acme_orders.count() == 1
    assert desk.now - before < timedelta(minutes=1), "no back-off for a nonce"
    used = f"requests: {newest(wanted).requests}, least 14"
    assert_seen(desk, wanted, Seen((READY,), (used,), NOTHING))
    assert newest(wanted).requests > 14, "support sees what they cost"
    assert Letter.objects.count() == 1


def test_already_replaced_costs_one_request_and_no_words_to_the_customer(desk, alice):
    first = desk.wish(alice, "shop.example")
    desk.until_over(first)
    old = Certificate.objects.get()
    CaAccount.objects.filter(pk=desk.account.pk).update(has_renewal_info=True)
    plan = desk.ca.spoil(known("alreadyreplaced"))
    second = issuance.request(first.plan, by=alice, now=desk.now, kind="rekey")
    Issuance.objects.filter(pk=second.pk).update(replaces=old)
    before = desk.ca.asked_for["newOrder"]
    desk.run(timedelta(days=2))
    assert plan.count("alreadyreplaced") >= 1
    assert desk.ca.asked_for["newOrder"] - before == 2, "once with, once without"
    assert second.acme_orders.count() == 1
    assert Certificate.objects.filter(issuance=second).count() == 1
    assert Entry.objects.filter(action=Action.REPLACES_REFUSED).count() == 1
    assert_seen(desk, second, Seen((READY,), ("replaced already",), NOTHING))
    assert set(Letter.objects.values_list("kind", flat=True)) == {"certificate_issued"}
