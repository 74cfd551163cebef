"""What a CA finds wrong with names, CSR or method, and what is wrong with its certificate: who is told, and what is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Letter
from audit.models import Entry
from certificates import issuance
from certificates.activation.verdicts import verdict_of
from certificates.models import Certificate
from certificates.standing import Headline
from tests.certificates import samples
from tests.certificates.connectors.rough_ca import problem
from tests.certificates.issuance.desk import newest
from tests.certificates.issuance.little_ca import signed_now
from validation.models import Authorization, Control

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def paste(plan, *names):
    plan.activation.csr_source = "pasted"
    plan.activation.csr_pem = samples.pem(samples.csr(names))
    plan.activation.save()


# --- the customer's side ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word", ["unauthorized", "dns", "connection", "tls", "caa", "incorrectResponse", "neverHeardOf"]
)
def test_a_failed_challenge_is_told_to_the_customer_once_and_waits_for_the_next_try(desk, alice, word):
    desk.ca.validates = word
    wanted = desk.wish(alice, "shop.example")
    order = desk.settle(wanted)
    assert (order.status, order.waiting_for, order.due_at) == ("invalid", "customer", None)
    assert wanted.state == "wanted"
    assert desk.standing(wanted).slug is Headline.WAITING_FOR_YOU
    assert "try again" in desk.standing(wanted).sentence
    assert Letter.objects.filter(kind="validation_failed").count() == 1
    assert word == "neverHeardOf" or verdict_of(order.problem).text
    assert desk.account.paused_at is None

    desk.ca.validates = "valid"
    issuance.try_again(wanted, by=alice, now=desk.now)
    desk.run_until_issued(wanted)
    assert Letter.objects.filter(kind="certificate_issued").count() == 1


@pytest.mark.parametrize("word", ["serverInternal", "rateLimited"])
def test_a_challenge_that_failed_by_the_cas_own_trouble_is_not_blamed_on_the_customer(desk, alice, word):
    desk.ca.validates = word
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: newest(wanted).attempt == 2)
    assert newest(wanted).due_at is not None
    assert Letter.objects.count() == 0
    assert "again by ourselves" in desk.standing(wanted).sentence
    desk.settle(wanted, timedelta(hours=6))
    assert len(desk.ca.orders) < 16
    desk.ca.validates = "valid"
    desk.run_until_issued(wanted)


def test_caa_at_finalize_is_the_customers_and_no_certificate_is_made(desk, alice):
    desk.ca.spoil("finalize", problem("caa", 403, detail="CAA record for shop.example prevents issuance"))
    wanted = desk.wish(alice, "shop.example")
    order = desk.settle(wanted)
    assert (order.status, order.waiting_for) == ("invalid", "customer")
    assert "CAA" in verdict_of(order.problem).text
    issuance.try_again(wanted, by=alice, now=desk.now)
    desk.run_until_issued(wanted)


def test_what_was_shown_already_need_not_be_shown_again_after_a_failure(desk, alice):
    desk.ca.reuses_valid = True
    wanted = desk.wish(alice, "one.example", "two.example")
    desk.shows = False
    desk.run(MINUTE)
    desk.ca.authzs[0].status, desk.ca.authzs[0].answered = "valid", "dns-01"
    Authorization.objects.get(identifier="one.example").challenges.filter(type="dns-01").update(
        answered_at=desk.now
    )
    desk.ca.validates = "unauthorized"
    desk.shows = True
    desk.settle(wanted)
    assert Control.objects.get().identifier == "one.example"
    desk.ca.validates = "valid"
    issuance.try_again(wanted, by=alice, now=desk.now)
    desk.run_until_issued(wanted)
    assert desk.ca.asked_for["chall"] == 2, "one for the failure, one for its repetition"


def test_nobody_can_try_again_before_the_reasons_are_read(desk, alice):
    desk.ca.validates = "unauthorized"
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: newest(wanted).answered_at is not None)
    desk.ca.spoil("authz", problem("serverInternal", 500))
    desk.run(MINUTE, until=lambda: newest(wanted).status == "invalid")
    with pytest.raises(issuance.NotPossible):
        issuance.try_again(wanted, by=alice, now=desk.now)
    order = desk.settle(wanted)
    assert "unauthorized" in order.problem["type"]
    issuance.try_again(wanted, by=alice, now=desk.now)
    desk.check()


@pytest.mark.parametrize("word", ["rejectedIdentifier", "unsupportedIdentifier"])
@pytest.mark.parametrize("verb", ["newOrder", "finalize"])
def test_a_name_that_is_refused_for_good_ends_the_issuance_and_says_so(desk, alice, word, verb):
    desk.ca.spoil(verb, problem(word, 400, detail="Forbidden by policy."))
    wanted = desk.wish(alice, "shop.example")
    desk.settle(wanted)
    assert wanted.state == "failed"
    assert desk.standing(wanted).slug is Headline.SETUP_NEEDED
    assert "will not issue for these names" in desk.standing(wanted).sentence
    assert Letter.objects.filter(kind="certificate_refused").count() == 1


def test_a_csr_of_ours_that_the_ca_refuses_is_an_operators_matter(desk, alice):
    desk.ca.spoil_always("finalize", problem("badCSR", 400))
    wanted = desk.wish(alice, "shop.example")
    order = desk.settle(wanted, timedelta(hours=3))
    assert order.waiting_for == "operator"
    assert wanted.state == "wanted"
    assert "staff" in desk.standing(wanted).sentence
    assert Entry.objects.filter(action="acme_order:problem").count() == 1, "told once, not every hour"


def test_a_pasted_csr_that_the_ca_refuses_goes_back_to_its_maker(desk, alice):
    from tests.factories import plan_for

    desk.ca.spoil_always("finalize", problem("badCSR", 400))
    plan = plan_for(alice, "shop.example", account=desk.account)
    paste(plan, "shop.example")
    wanted = issuance.request(plan, by=alice, now=desk.now)
    desk.settle(wanted)
    assert wanted.state == "failed"
    assert Letter.objects.filter(kind="certificate_refused").count() == 1


def test_a_method_that_the_ca_does_not_offer_is_said_and_can_be_changed(desk, alice):
    desk.ca.challenge_types = ("tls-alpn-01", "dns-account-01")
    wanted = desk.wish(alice, "shop.example")
    order = desk.settle(wanted, timedelta(hours=3))
    assert order.waiting_for == "customer"
    assert order.problem["type"] == "chancery:method_not_offered"
    assert "another method" in desk.standing(wanted).sentence
    for authorization in order.authorizations.all():
        issuance.insist(authorization, by=alice, now=desk.now)
    desk.settle(wanted, timedelta(hours=1))


def test_changing_to_an_offered_method_goes_on(desk, alice):
    desk.ca.challenge_types = ("http-01",)
    wanted = desk.wish(alice, "shop.example")
    desk.settle(wanted)
    issuance.change_method(wanted, "shop.example", "http-01", by=alice, now=desk.now)
    desk.run_until_issued(wanted)
    assert Control.objects.get().method == "http-01"


# --- the certificate ----------------------------------------------------------------------------------------


def other_names(names, key):
    return signed_now([*names, "evil.example"], key)


def other_key(names, key):
    return signed_now(names, samples.key_of("ec-p384").public_key())


def expired(names, key):
    now = samples.datetime.now(samples.UTC)
    return signed_now(names, key, not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))


@pytest.mark.parametrize(
    ("sign", "slug"), [(other_names, "other_names"), (other_key, "other_key"), (expired, "expired")]
)
def test_a_wrong_certificate_is_never_stored_and_an_operator_is_told(desk, alice, sign, slug):
    desk.ca.sign = sign
    wanted = desk.wish(alice, "shop.example")
    order = desk.settle(wanted, timedelta(hours=3))
    assert Certificate.objects.count() == 0
    assert order.problem["type"] == f"chancery:{slug}"
    assert order.waiting_for == "operator"
    assert "staff" in desk.standing(wanted).sentence
    assert Letter.objects.count() == 0
    issuance.withdraw(wanted, by=alice, now=desk.now)  # the way out: it is not "being signed" any more
    desk.run(timedelta(hours=2))
    assert desk.next_due() is None


def test_a_serial_number_that_was_seen_before_is_never_stored(desk, alice, bob):
    first = desk.wish(alice, "shop.example")
    desk.run_until_issued(first)
    stored = Certificate.objects.get()
    second = desk.wish(bob, "other.example")
    desk.run(MINUTE, until=lambda: desk.ca.certificates == 2)
    Certificate.objects.filter(pk=stored.pk).update(serial=_serial(desk.ca.orders[-1].pem))
    order = desk.settle(second)
    assert Certificate.objects.count() == 1
    assert order.problem["type"] == "chancery:duplicate_serial"
    assert order.waiting_for == "operator"


def _serial(pem):
    from certificates.chain import read_chain

    return read_chain(pem).serial


def test_a_fault_of_our_own_is_an_operators_row_and_quotes_nothing(desk, alice, monkeypatch):
    from certificates.issuance import signing

    def breaks(*args, **kwargs):
        raise ValueError("-----BEGIN PRIVATE KEY-----")

    monkeypatch.setattr(signing, "check", breaks)
    wanted = desk.wish(alice, "shop.example")
    order = desk.settle(wanted)
    assert order.waiting_for == "operator"
    assert "ValueError" in order.problem["detail"]
    assert "PRIVATE KEY" not in str(order.problem)
    assert not any("PRIVATE KEY" in str(entry.details) for entry in Entry.objects.all())
