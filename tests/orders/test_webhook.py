"""The gateway's door: only what it signed, for us, now."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

import pytest
import stripe
from django.db import DatabaseError

from leases import doorbell
from orders import webhook
from orders.models import GatewayEvent, Order, Plan
from tests.orders.fake_gateway import WEBHOOK_SECRET, event, signed

URL = "/webhooks/stripe/"


def post(client, body, signature, **extra):
    headers = {"Stripe-Signature": signature} if signature is not None else {}
    return client.post(URL, body, content_type="application/json", headers=headers, **extra)


def completed(session_id="cs_test_1", **more):
    return event("checkout.session.completed", {"id": session_id, "object": "checkout.session"}, **more)


@pytest.fixture(autouse=True)
def bell(monkeypatch, settings):
    """Count the rings instead of starting a worker."""
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]
    rung = []
    monkeypatch.setattr(doorbell.current_app, "send_task", lambda name, **options: rung.append(name))
    return rung


def hmac_of(text, secret=WEBHOOK_SECRET):
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def forged():
    """Each case of the table that must not get in: name, body, header."""
    body, good = signed(completed())
    now = int(time.time())
    flipped = body.replace("cs_test_1", "cs_test_2")
    yield "no header", body, None
    yield "empty header", body, ""
    yield "bad signature", body, good[:-4] + "0000"
    yield "wrong secret", *signed(completed(), secret="whsec_other")
    yield "altered body", flipped, good
    yield "301 seconds old", *signed(completed(), at=now - 302)
    yield "an hour ahead", *signed(completed(), at=now + 3600)
    yield "v0 only", body, f"t={now},v0={hmac_of(f'{now}.{body}')}"
    yield "two times", body, f"t={now - 9999},t={now},v1={hmac_of(f'{now}.{body}')}"
    yield "no number for a time", body, f"t=²,v1={hmac_of(f'{now}.{body}')}".encode().decode("latin-1")
    yield "live event in test mode", *signed({**completed(), "livemode": True})
    yield "another account's event", *signed({**completed(), "account": "acct_other"})
    yield "no event", *signed({"object": "event"})
    yield "a list", *signed([1, 2])  # type: ignore[arg-type]
    yield "an id too long", *signed(completed(event_id="e" * 101))


@pytest.mark.parametrize(
    ("body", "header"), [case[1:] for case in forged()], ids=[case[0] for case in forged()]
)
def test_it_refuses_what_the_gateway_did_not_sign_for_us_now(db, client, bell, body, header):
    assert post(client, body, header).status_code == 400
    assert not GatewayEvent.objects.exists()
    assert bell == []


def test_it_keeps_what_is_genuine_and_rings(db, client, bell, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        answer = post(client, *signed(completed()))
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    row = GatewayEvent.objects.get()
    assert (row.pk, row.kind, row.gateway) == ("evt_1", "checkout.session.completed", "stripe")
    assert row.payload["data"]["object"]["id"] == "cs_test_1"
    assert row.due_at is not None
    assert row.processed_at is None
    assert bell == ["portal.tasks.sweep"]


def test_a_secret_being_rotated_still_opens(db, client, settings):
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", WEBHOOK_SECRET]
    assert post(client, *signed(completed(event_id="evt_old"))).status_code == 200
    assert post(client, *signed(completed(event_id="evt_new"), secret="whsec_new")).status_code == 200


def test_a_header_with_two_signatures_needs_one_of_ours(db, client):
    body, header = signed(completed())
    assert post(client, body, f"{header},v1={'0' * 64}").status_code == 200
    stamp, signature = header.split(",")
    assert post(client, body, f"{stamp},v1={'0' * 64},{signature}").status_code == 200


def test_a_hundred_replays_are_one_event(db, client):
    body, header = signed(completed())
    for _again in range(100):
        assert post(client, body, header).status_code == 200
    assert GatewayEvent.objects.count() == 1


def test_a_replay_does_not_wake_a_finished_event(db, client):
    body, header = signed(completed())
    post(client, body, header)
    GatewayEvent.objects.update(due_at=None, outcome="done")
    post(client, body, header)
    assert GatewayEvent.objects.get().due_at is None


def test_it_refuses_a_body_above_the_cap(db, client):
    body, header = signed({**completed(), "padding": "x" * 1_000_000})
    assert post(client, body, header).status_code == 413
    assert not GatewayEvent.objects.exists()


def test_it_takes_posts_only(db, client):
    assert client.get(URL).status_code == 405
    assert client.put(URL, "{}").status_code == 405


def test_it_needs_no_csrf_token(db):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    assert post(strict, *signed(completed())).status_code == 200


def test_it_asks_nobody_while_the_gateway_waits(db, client, gateway):
    post(client, *signed(completed()))
    assert gateway.calls.total() == 0


def test_a_bell_that_is_broken_loses_nothing(db, client, monkeypatch, django_capture_on_commit_callbacks):
    def broken(name, **options):
        raise OSError("no broker")

    monkeypatch.setattr(doorbell.current_app, "send_task", broken)
    with django_capture_on_commit_callbacks(execute=True):
        assert post(client, *signed(completed())).status_code == 200
    assert GatewayEvent.objects.count() == 1


def test_when_it_cannot_be_kept_the_gateway_is_not_told_otherwise(db, client, monkeypatch):
    def full(*args, **kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr(GatewayEvent.objects, "get_or_create", full, raising=False)
    monkeypatch.setattr(webhook, "keep", full)
    client.raise_request_exception = False
    assert post(client, *signed(completed())).status_code == 500


def test_the_body_is_only_a_hint(payment, order, client, gateway):
    """A genuine event that says "paid" about an open page opens nothing: the gateway is asked again."""
    from orders.events import process_event

    thing = {"id": payment.session_id, "payment_status": "paid", "status": "complete", "amount_total": 2800}
    post(client, *signed(event("checkout.session.completed", thing)))
    row = GatewayEvent.objects.claim("evt_1", GatewayEvent.objects.get().due_at)
    process_event(row, row.due_at)
    assert Order.objects.get(pk=order.pk).state == "awaiting_payment"
    assert not Plan.objects.exists()


def test_the_sdk_and_we_agree_on_what_is_signed(db, client):
    body, header = signed(completed())
    assert stripe.Webhook.construct_event(body, header, WEBHOOK_SECRET).id == json.loads(body)["id"]
