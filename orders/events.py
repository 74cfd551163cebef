"""What each kind of gateway event sets in motion. The event only says where to look: the gateway is asked again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from orders import disputes, refunds
from orders.fulfilment import UnknownSession, settle
from orders.gateways import GatewayRefused, GatewayUnavailable
from orders.models import GatewayEvent, Payment

log = logging.getLogger(__name__)

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)


class NotOurs(Exception):
    """The event is about something this portal never sold; the message says about what."""


def process_event(event: GatewayEvent, now: datetime) -> None:
    """Work a claimed event and end its story, or put it back while the gateway does not answer. Raises LeaseLost."""
    handler = HANDLERS.get(event.kind)
    if handler is None:
        _end(event, "not used", now)
        return
    try:
        outcome = handler(event, now)
    except GatewayUnavailable as exc:
        tries = event.tries + 1
        wait = min(FIRST_WAIT * 2 ** min(tries - 1, 10), LONGEST_WAIT)
        event.let_go(now + wait, tries=tries, outcome=f"waiting: {exc}"[:200])
        return
    except (UnknownSession, NotOurs) as exc:
        outcome = f"not ours: {exc}"
    except GatewayRefused as exc:
        outcome = f"refused: {exc}"
        log.warning("gateway event %s refused: %s", event.pk, exc)
    _end(event, outcome, now)


def _end(event: GatewayEvent, outcome: str, now: datetime) -> None:
    event.let_go(None, processed_at=now, outcome=outcome[:200], tries=event.tries + 1)


def _thing(event: GatewayEvent) -> dict[str, Any]:
    data = event.payload.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    if not isinstance(thing, dict) or not isinstance(thing.get("id"), str):
        raise NotOurs("an event without an object")
    return thing


def _payment_of(event: GatewayEvent) -> Payment:
    intent = _thing(event).get("payment_intent")
    if isinstance(intent, dict):
        intent = intent.get("id")
    payment = Payment.objects.filter(gateway=event.gateway, intent_id=intent).first() if intent else None
    if payment is None:
        raise NotOurs(f"payment intent {intent}")
    return payment


def _page(event: GatewayEvent, now: datetime) -> str:
    payment = settle(_thing(event)["id"], now, gateway=event.gateway)
    return f"payment {payment.pk} is {payment.state}"


def _refund(event: GatewayEvent, now: datetime) -> str:
    payment = _payment_of(event)
    return f"payment {payment.pk} has {refunds.sync(payment, now)} refunds"


def _dispute(event: GatewayEvent, now: datetime) -> str:
    payment = _payment_of(event)
    return f"payment {payment.pk}: dispute {disputes.take_in(payment, _thing(event)['id'], now)}"


HANDLERS: dict[str, Callable[[GatewayEvent, datetime], str]] = {
    "checkout.session.completed": _page,
    "checkout.session.async_payment_succeeded": _page,
    "checkout.session.async_payment_failed": _page,
    "checkout.session.expired": _page,
    "charge.refunded": _refund,
    "charge.refund.updated": _refund,
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.dispute.created": _dispute,
    "charge.dispute.updated": _dispute,
    "charge.dispute.closed": _dispute,
    "charge.dispute.funds_withdrawn": _dispute,
    "charge.dispute.funds_reinstated": _dispute,
}
