"""Stripe Checkout (hosted page) through the official SDK."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, TypeVar

import stripe
from django.conf import settings

from orders import money
from orders.gateways.base import (
    Dispute,
    Event,
    ForgedEvent,
    GatewayRefund,
    GatewayRefused,
    GatewayUnavailable,
    Session,
    SessionRequest,
)
from outbound import call

T = TypeVar("T")

# Two tries of at most 20 s stay well inside a lease (90 s) and a web worker's patience.
TIMEOUT = (5.0, 15.0)
RETRIES = 1
TOLERANCE_SECONDS = 300
# Stripe's own count of decimal places where it is not ISO's.
_STRIPE_DIGITS = {"UGX": 2}
_REFUND_STATUS = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}
_DISPUTE_STANDING = {
    "won": "won",
    "lost": "lost",
    "prevented": "won",
    "warning_needs_response": "inquiry",
    "warning_under_review": "inquiry",
    "warning_closed": "inquiry",
}
_PAGES_SEARCHED = 5


def exchange(verb: str, ask: Callable[[], T]) -> T:
    """Make one call to Stripe: the only door through which this file speaks to the network.

    Raises GatewayUnavailable when the outcome is unknown and GatewayRefused when it is a certain no.
    """
    try:
        with call("gateway", verb, "stripe"):
            return ask()
    except (
        stripe.APIConnectionError,
        stripe.RateLimitError,
        stripe.APIError,
        # A wrong key is the operator's trouble and says nothing about the payment: it must not close any story.
        stripe.AuthenticationError,
        stripe.PermissionError,
    ) as exc:
        raise GatewayUnavailable(_said(exc)) from None
    except stripe.StripeError as exc:
        if exc.http_status is None or exc.http_status in {409, 429} or exc.http_status >= 500:
            raise GatewayUnavailable(_said(exc)) from None
        raise GatewayRefused(_said(exc), code=exc.code or "") from None
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        # An answer without the fields we need: a proxy's page, or a change of the API.
        raise GatewayUnavailable(f"answer not understood ({type(exc).__name__})") from exc


def _said(exc: stripe.StripeError) -> str:
    status = exc.http_status or "no answer"
    return f"{type(exc).__name__} {status}: {' '.join((exc.user_message or '').split())[:180]}"


def to_stripe(amount: int, currency: str) -> int:
    """Return the amount in the unit Stripe counts this currency in. Raises GatewayRefused for one it cannot express."""
    currency = currency.upper()
    places = money.digits(currency)
    wanted = _STRIPE_DIGITS.get(currency, places)
    if places == 3 and amount % 10:
        raise GatewayRefused(f"{amount} {currency}: the last digit must be 0", code="amount_not_payable")
    return int(amount * 10 ** (wanted - places))


def from_stripe(amount: int, currency: str) -> int:
    """Return Stripe's amount in our minor units. A part we could not have asked for is rounded up, so that it never matches."""
    currency = currency.upper()
    factor = 10 ** (_STRIPE_DIGITS.get(currency, money.digits(currency)) - money.digits(currency))
    return -(-amount // factor)


@lru_cache(maxsize=4)
def _client(secret_key: str, api_base: str) -> stripe.StripeClient:
    """Return one client per account: it keeps a connection per thread."""
    return stripe.StripeClient(
        secret_key,
        base_addresses={"api": api_base},
        max_network_retries=RETRIES,
        http_client=stripe.RequestsClient(timeout=TIMEOUT),
    )


class StripeGateway:
    """One account at Stripe, or whatever speaks its API at `api_base`."""

    name = "stripe"

    def __init__(self, secret_key: str, webhook_secrets: list[str], api_base: str) -> None:
        self.live = secret_key.startswith(("sk_live_", "rk_live_"))
        self.webhook_secrets = webhook_secrets
        self.client = _client(secret_key, api_base)

    @classmethod
    def from_settings(cls) -> StripeGateway:
        return cls(
            settings.STRIPE_SECRET_KEY, list(settings.STRIPE_WEBHOOK_SECRETS), settings.STRIPE_API_BASE
        )

    def create_session(self, wanted: SessionRequest, key: str) -> Session:
        params = _session_params(wanted)
        return exchange(
            "sessions.create",
            lambda: _session(
                self.client.v1.checkout.sessions.create(params, {"idempotency_key": key})  # type: ignore[arg-type]
            ),
        )

    def session(self, session_id: str) -> Session:
        return exchange(
            "sessions.retrieve",
            lambda: _session(
                self.client.v1.checkout.sessions.retrieve(session_id, {"expand": ["payment_intent"]})
            ),
        )

    def expire_session(self, session_id: str) -> Session:
        return exchange(
            "sessions.expire",
            lambda: _session(
                self.client.v1.checkout.sessions.expire(session_id, {"expand": ["payment_intent"]})
            ),
        )

    def find_session(self, reference: str, attempt: int, since: datetime) -> Session | None:
        after: str | None = None
        for _page in range(_PAGES_SEARCHED):
            params: dict[str, Any] = {"limit": 100, "created": {"gte": int(since.timestamp())}}
            if after:
                params["starting_after"] = after
            page = exchange("sessions.list", partial(self._listed, params))
            for found in page["data"]:
                metadata = found.get("metadata") or {}
                if found.get("client_reference_id") == reference and metadata.get("attempt") == str(attempt):
                    return self.session(found["id"])
            if not page.get("has_more") or not page["data"]:
                return None
            after = page["data"][-1]["id"]
        return None

    def _listed(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.client.v1.checkout.sessions.list(params).to_dict()  # type: ignore[arg-type]

    def refund(
        self, intent_id: str, amount: int, currency: str, *, key: str, reference: str
    ) -> GatewayRefund:
        return exchange(
            "refunds.create",
            lambda: _refund(
                self.client.v1.refunds.create(
                    {
                        "payment_intent": intent_id,
                        "amount": to_stripe(amount, currency),
                        "metadata": {"refund": reference},
                    },
                    {"idempotency_key": key},
                ).to_dict()
            ),
        )

    def refunds(self, intent_id: str) -> list[GatewayRefund]:
        return exchange(
            "refunds.list",
            lambda: [
                _refund(found)
                for found in self.client.v1.refunds.list(
                    {"payment_intent": intent_id, "limit": 100}
                ).to_dict()["data"]
            ],
        )

    def dispute(self, dispute_id: str) -> Dispute:
        def read() -> Dispute:
            found = self.client.v1.disputes.retrieve(dispute_id).to_dict()
            return Dispute(
                id=found["id"],
                standing=_DISPUTE_STANDING.get(found["status"], "open"),
                intent_id=_id_of(found.get("payment_intent")),
            )

        return exchange("disputes.retrieve", read)

    def verify_event(self, body: bytes, signature: str, now: datetime) -> Event:
        _check_signature(body, signature, self.webhook_secrets, now)
        try:
            payload = json.loads(body)
            event_id, kind, live = payload["id"], payload["type"], payload.get("livemode", False)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ForgedEvent("no event in the body") from None
        if not isinstance(event_id, str) or not isinstance(kind, str) or not (0 < len(event_id) <= 100):
            raise ForgedEvent("no event in the body")
        if bool(live) != self.live:
            raise ForgedEvent("an event of the other mode (test or live)")
        if payload.get("account"):
            raise ForgedEvent("an event of another account")
        return Event(id=event_id, kind=kind[:80], payload=payload)


def _check_signature(body: bytes, header: str, secrets: list[str], now: datetime) -> None:
    # The library reads the clock itself and accepts any time in the future: the time is ours to judge.
    signed_at = _signed_at(header)
    age = now.timestamp() - signed_at
    if abs(age) > TOLERANCE_SECONDS:
        raise ForgedEvent("signed too long ago" if age > 0 else "signed in the future")
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(body, header, secret, None)
        except (stripe.SignatureVerificationError, UnicodeDecodeError, OverflowError):
            continue
        return
    raise ForgedEvent("no signature of ours")


def _signed_at(header: str) -> int:
    stamps = [part[2:] for part in header.split(",") if part.startswith("t=")]
    if len(stamps) != 1 or not stamps[0].isascii() or not stamps[0].isdigit() or len(stamps[0]) > 12:
        raise ForgedEvent("no signature header" if not header else "signature header without one time")
    return int(stamps[0])


def _session_params(wanted: SessionRequest) -> dict[str, Any]:
    marks = {"order": wanted.reference, "attempt": str(wanted.attempt)}
    return {
        "mode": "payment",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": wanted.currency.lower(),
                    "unit_amount": to_stripe(line.amount, wanted.currency),
                    "product_data": {"name": line.title[:250]},
                },
            }
            for line in wanted.lines
        ],
        "client_reference_id": wanted.reference,
        "metadata": marks,
        "payment_intent_data": {"metadata": marks},
        "customer_email": wanted.email,
        "expires_at": int(wanted.expires_at.astimezone(UTC).timestamp()),
        "success_url": wanted.success_url,
        "cancel_url": wanted.cancel_url,
        "expand": ["payment_intent"],
    }


def _session(answer: Any) -> Session:
    facts = answer.to_dict()
    intent = facts.get("payment_intent")
    metadata = facts.get("metadata") or {}
    attempt = str(metadata.get("attempt", ""))
    currency = str(facts["currency"]).upper()
    return Session(
        id=facts["id"],
        url=facts.get("url") or "",
        status=facts["status"],
        payment_status=facts["payment_status"],
        amount=from_stripe(int(facts["amount_total"]), currency),
        currency=currency,
        reference=str(facts.get("client_reference_id") or ""),
        attempt=int(attempt) if attempt.isascii() and attempt.isdigit() else 0,
        intent_id=_id_of(intent),
        intent_status=intent.get("status") if isinstance(intent, dict) else None,
    )


def _refund(facts: dict[str, Any]) -> GatewayRefund:
    currency = str(facts["currency"]).upper()
    return GatewayRefund(
        id=facts["id"],
        status=_REFUND_STATUS.get(facts.get("status") or "", "pending"),
        amount=from_stripe(int(facts["amount"]), currency),
        currency=currency,
        intent_id=_id_of(facts.get("payment_intent")),
        reference=str((facts.get("metadata") or {}).get("refund", "")),
        reason=str(facts.get("reason") or ""),
    )


def _id_of(thing: Any) -> str | None:
    if isinstance(thing, dict):
        return str(thing["id"])
    return str(thing) if thing else None
