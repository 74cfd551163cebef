"""The doorway to Stripe: what each answer means, and the same walk on the sandbox's card processor."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from orders.gateways import GatewayRefused, GatewayUnavailable, Line, SessionRequest
from orders.gateways.stripe import StripeGateway
from tests.sandbox.till import running_till

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def stripe(gateway):
    return StripeGateway.from_settings()


def wanted(**changed):
    facts = {
        "reference": "0b5a5e0e-0000-4000-8000-000000000000",
        "attempt": 1,
        "currency": "EUR",
        "lines": (Line("DV, 1 year: shop.example", 1900), Line("1 more name", 900)),
        "email": "alice@example.org",
        "expires_at": NOW + timedelta(hours=1),
        "success_url": "http://127.0.0.1:8000/orders/x/paid/?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:8000/orders/x/",
    }
    return SessionRequest(**{**facts, **changed})


@pytest.mark.parametrize("status", [401, 403, 409, 429, 500, 502, 503])
def test_an_answer_that_says_nothing_about_the_payment_is_unavailable(stripe, gateway, status):
    gateway.answers = [status]
    with pytest.raises(GatewayUnavailable):
        stripe.session("cs_1")


@pytest.mark.parametrize("status", [400, 402])
def test_a_definite_no_is_a_refusal(stripe, gateway, status):
    gateway.answers = [status]
    with pytest.raises(GatewayRefused):
        stripe.session("cs_1")


def test_a_missing_object_is_a_refusal_with_its_code(stripe):
    with pytest.raises(GatewayRefused) as refused:
        stripe.session("cs_unknown")
    assert refused.value.code == "resource_missing"


def test_nobody_listening_is_unavailable():
    with pytest.raises(GatewayUnavailable):
        StripeGateway("sk_test_sandbox", [], "http://127.0.0.1:9").session("cs_1")


def test_an_answer_without_the_facts_is_unavailable(stripe, gateway):
    session = stripe.create_session(wanted(), "key")
    del gateway.sessions[session.id]["status"]
    with pytest.raises(GatewayUnavailable):
        stripe.session(session.id)


def test_no_secret_stands_in_an_error(stripe, gateway):
    gateway.answers = [401]
    with pytest.raises(GatewayUnavailable) as failed:
        stripe.session("cs_1")
    assert "sk_test" not in str(failed.value)


def test_the_same_key_with_another_request_is_refused(stripe):
    stripe.create_session(wanted(), "key")
    with pytest.raises(GatewayRefused):
        stripe.create_session(wanted(email="bob@example.org"), "key")


def test_the_same_request_gives_the_same_bytes(stripe, gateway):
    first = stripe.create_session(wanted(), "key")
    assert stripe.create_session(wanted(), "key").id == first.id
    assert gateway.asked[0] == gateway.asked[1]


def test_a_page_is_found_by_its_marks(stripe):
    session = stripe.create_session(wanted(attempt=3), "key")
    reference = wanted().reference
    assert stripe.find_session(reference, 3, NOW).id == session.id
    assert stripe.find_session(reference, 2, NOW) is None
    assert stripe.find_session("other", 3, NOW) is None


@pytest.mark.parametrize(
    ("status", "standing"),
    [
        ("needs_response", "open"),
        ("under_review", "open"),
        ("won", "won"),
        ("lost", "lost"),
        ("warning_closed", "inquiry"),
        ("new word", "open"),
    ],
)
def test_a_dispute_is_read_on_the_safe_side(stripe, gateway, status, standing):
    assert stripe.dispute(gateway.dispute("pi_1", status)).standing == standing


def test_the_walk_works_on_the_card_processor_of_the_sandbox(tmp_path):
    with running_till(tmp_path / "cards.sqlite3") as till:
        stripe = StripeGateway("sk_test_sandbox", ["whsec_sandbox"], till.url)
        session = stripe.create_session(wanted(), "key-1")
        assert stripe.create_session(wanted(), "key-1") == session
        assert (session.status, session.amount, session.currency, session.attempt) == ("open", 2800, "EUR", 1)
        assert stripe.find_session(wanted().reference, 1, NOW - timedelta(minutes=2)).id == session.id
        till.pay(session.id, "paid")
        paid = stripe.session(session.id)
        assert paid.paid
        with pytest.raises(GatewayRefused):
            stripe.expire_session(session.id)
        refund = stripe.refund(paid.intent_id, 900, "EUR", key="refund-1", reference="7")
        assert (refund.status, refund.amount, refund.reference) == ("succeeded", 900, "7")
        assert [found.id for found in stripe.refunds(paid.intent_id)] == [refund.id]
        deadline = time.monotonic() + 30
        while not till.receiver.got and time.monotonic() < deadline:
            time.sleep(0.05)
        events = [
            stripe.verify_event(body, header, datetime.now(UTC)) for body, header in list(till.receiver.got)
        ]
        assert events


def test_a_delayed_payment_of_the_sandbox_is_told_apart(tmp_path):
    with running_till(tmp_path / "cards.sqlite3") as till:
        stripe = StripeGateway("sk_test_sandbox", ["whsec_sandbox"], till.url)
        session = stripe.create_session(wanted(), "key-1")
        till.pay(session.id, "delayed_failed", delay=60)
        seen = stripe.session(session.id)
        assert (seen.status, seen.payment_status, seen.failed) == ("complete", "unpaid", False)
        till.ahead = 61
        deadline = time.monotonic() + 30
        while not stripe.session(session.id).failed and time.monotonic() < deadline:
            time.sleep(0.1)
        assert stripe.session(session.id).failed
