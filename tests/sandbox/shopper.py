"""A shop that takes payments by the real Stripe SDK, and reads the webhooks it gets."""

from __future__ import annotations

import json
import time
from typing import Any

import stripe

from tests.sandbox.till import SECRET_KEY, WEBHOOK_SECRET, Till


def client_of(till: Till, key: str = SECRET_KEY) -> Any:
    return stripe.StripeClient(key, base_addresses={"api": till.url}, max_network_retries=0)


def wanted(**changes: Any) -> Any:
    """What the portal asks for: a DV certificate for a year."""
    params = {
        "mode": "payment",
        "line_items": [
            {
                "price_data": {
                    "currency": "eur",
                    "unit_amount": 1990,
                    "product_data": {"name": "DV certificate for example.com, 1 year"},
                },
                "quantity": 2,
            }
        ],
        "success_url": "http://127.0.0.1:8000/paid?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:8000/cancelled",
        "client_reference_id": "order-17",
        "customer_email": "anna@example.com",
        "metadata": {"order": "17", "attempt": "1"},
        "payment_intent_data": {"metadata": {"order": "17"}},
        "expires_at": int(time.time()) + 1800,
    }
    return {key: value for key, value in (params | changes).items() if value is not None}


def make(client: Any, key: str | None = None, **changes: Any) -> Any:
    return client.v1.checkout.sessions.create(wanted(**changes), {"idempotency_key": key} if key else {})


def events(till: Till, subject: str) -> list[Any]:
    """Events that reached the receiver about an object or its payment, their signatures checked."""
    received = [
        stripe.Webhook.construct_event(body, signature, WEBHOOK_SECRET)
        for body, signature in list(till.receiver.got)
    ]
    return [event for event in received if subject in json.dumps(event.data.object.to_dict())]


def names(till: Till, subject: str) -> list[str]:
    return sorted(event.type for event in events(till, subject))
