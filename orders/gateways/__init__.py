"""Payment gateways: a word, a file and a line in GATEWAYS."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings

from orders.gateways.base import (
    Dispute,
    Event,
    ForgedEvent,
    Gateway,
    GatewayError,
    GatewayRefund,
    GatewayRefused,
    GatewayUnavailable,
    Line,
    Session,
    SessionRequest,
)
from orders.gateways.stripe import StripeGateway

GATEWAYS: dict[str, Callable[[], Gateway]] = {
    "stripe": StripeGateway.from_settings,
}


def gateway(name: str) -> Gateway:
    """Return the gateway of this name. Raises KeyError for one that was never configured."""
    return GATEWAYS[name]()


def default_gateway() -> str:
    """Return the name of the gateway that new payments go to."""
    return str(settings.PAYMENT_GATEWAY)


__all__ = [
    "GATEWAYS",
    "Dispute",
    "Event",
    "ForgedEvent",
    "Gateway",
    "GatewayError",
    "GatewayRefund",
    "GatewayRefused",
    "GatewayUnavailable",
    "Line",
    "Session",
    "SessionRequest",
    "default_gateway",
    "gateway",
]
