"""What the shop expects of a payment gateway: a handful of verbs and the facts they give back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class GatewayError(Exception):
    """The gateway did not do what was asked."""


class GatewayUnavailable(GatewayError):
    """No answer, or one that says nothing about the outcome: ask again later with the same idempotency key."""


class GatewayRefused(GatewayError):
    """A definite no. `code` is the gateway's word for it ("resource_missing"), or ""."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class ForgedEvent(GatewayError):
    """The event was not signed by the gateway for us, or not now. The message says why and quotes nothing of it."""


@dataclass(frozen=True)
class Line:
    """One line of the payment page; `amount` is for the whole line, in minor units."""

    title: str
    amount: int


@dataclass(frozen=True)
class SessionRequest:
    """What a payment page shall ask for. The same request must always give the same bytes: it is retried by key."""

    reference: str
    attempt: int
    currency: str
    lines: tuple[Line, ...]
    email: str
    expires_at: datetime
    success_url: str
    cancel_url: str


@dataclass(frozen=True)
class Session:
    """A payment page as the gateway knows it. `amount` in minor units; `currency` in capitals."""

    id: str
    url: str
    status: str  # open, complete, expired
    payment_status: str  # paid, unpaid, no_payment_required
    amount: int
    currency: str
    reference: str
    attempt: int
    intent_id: str | None
    intent_status: str | None

    @property
    def paid(self) -> bool:
        return self.status == "complete" and self.payment_status == "paid"

    @property
    def failed(self) -> bool:
        """A delayed payment that came to nothing: the page is complete, the money will not come."""
        return (
            self.status == "complete"
            and self.payment_status == "unpaid"
            and self.intent_status in {"requires_payment_method", "canceled"}
        )


@dataclass(frozen=True)
class GatewayRefund:
    """A refund as the gateway knows it; `reference` is our own refund's id, or "" when it was made over there."""

    id: str
    status: str  # pending, succeeded, failed
    amount: int
    currency: str
    intent_id: str | None
    reference: str
    reason: str


@dataclass(frozen=True)
class Dispute:
    """`standing`: inquiry (no money moved), open, won or lost."""

    id: str
    standing: str
    intent_id: str | None


@dataclass(frozen=True)
class Event:
    """A signed event. Only its kind and the ids inside are believed; everything else is read again."""

    id: str
    kind: str
    payload: Mapping[str, Any]


class Gateway(Protocol):
    """Every verb but `verify_event` is one or more remote calls and may raise GatewayUnavailable and GatewayRefused."""

    name: str

    def create_session(self, wanted: SessionRequest, key: str) -> Session:
        """Open a payment page. The same `key` gives the same page."""

    def session(self, session_id: str) -> Session: ...

    def expire_session(self, session_id: str) -> Session:
        """Close an open page for good. Raises GatewayRefused when it is not open any more."""

    def find_session(self, reference: str, attempt: int, since: datetime) -> Session | None:
        """Look for a page whose answer was lost."""

    def refund(
        self, intent_id: str, amount: int, currency: str, *, key: str, reference: str
    ) -> GatewayRefund: ...

    def refunds(self, intent_id: str) -> list[GatewayRefund]:
        """Return every refund of a payment, whoever made it."""

    def dispute(self, dispute_id: str) -> Dispute: ...

    def verify_event(self, body: bytes, signature: str, now: datetime) -> Event:
        """Return the event if it is genuine. No remote call. Raises ForgedEvent."""
