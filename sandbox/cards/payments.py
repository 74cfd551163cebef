"""Money: payment intents, the charges made for them, and refunds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.cards.book import Body, Book, new_id
from sandbox.cards.errors import Refusal, invalid, missing, required
from sandbox.cards.events import Cause, record
from sandbox.cards.parameters import ANY_KEYS, TEXT, Parameters, check_known, integer, metadata, one_of

REFUND_SHAPE = {
    "payment_intent": TEXT,
    "charge": TEXT,
    "amount": TEXT,
    "reason": TEXT,
    "metadata": ANY_KEYS,
    "expand": [TEXT],
}
REASONS = ("duplicate", "fraudulent", "requested_by_customer")
MAX_AMOUNT = 99_999_999


@dataclass(frozen=True)
class Decline:
    """Why a card was declined; what the customer reads and the codes beside it."""

    code: str
    decline_code: str
    message: str


@dataclass(frozen=True)
class Card:
    """What is kept of a card: never its number."""

    brand: str
    last4: str
    exp_month: int
    exp_year: int


def open_intent(book: Book, session: Body, intent_data: Body, now: float) -> Body:
    """The payment intent of a session, made at the first attempt to pay."""
    if session["payment_intent"]:
        return need(book, "payment_intent", session["payment_intent"])
    identity = new_id("pi")
    intent = {
        "id": identity,
        "object": "payment_intent",
        "amount": session["amount_total"],
        "amount_capturable": 0,
        "amount_received": 0,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{identity}_secret_{new_id('x')[2:]}",
        "confirmation_method": "automatic",
        "created": int(now),
        "currency": session["currency"],
        "customer": None,
        "description": intent_data.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": metadata(intent_data.get("metadata")),
        "next_action": None,
        "payment_method": None,
        "payment_method_types": session["payment_method_types"],
        "processing": None,
        "receipt_email": intent_data.get("receipt_email"),
        "setup_future_usage": None,
        "shipping": None,
        "statement_descriptor": intent_data.get("statement_descriptor"),
        "statement_descriptor_suffix": intent_data.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_group": intent_data.get("transfer_group"),
    }
    return book.add(intent)


def charge(
    book: Book, intent: Body, card: Card, email: str | None, status: str, decline: Decline | None, now: float
) -> Body:
    """A charge for the intent: `status` succeeded, pending or failed."""
    details = {
        "brand": card.brand,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "last4": card.last4,
    }
    made = {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if status == "succeeded" else 0,
        "amount_refunded": 0,
        "balance_transaction": new_id("txn") if status == "succeeded" else None,
        "billing_details": {"address": None, "email": email, "name": None, "phone": None},
        "captured": status == "succeeded",
        "created": int(now),
        "currency": intent["currency"],
        "customer": None,
        "description": intent["description"],
        "disputed": False,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "paid": status == "succeeded",
        "payment_intent": intent["id"],
        "payment_method": new_id("pm"),
        "payment_method_details": {"card": {**details, "country": "US", "funding": "credit"}, "type": "card"},
        "receipt_email": intent["receipt_email"],
        "receipt_url": None,
        "refunded": False,
        "status": status,
    }
    return book.add(made)


def succeed(book: Book, intent: Body, made: Body, cause: Cause, now: float) -> None:
    """The money is there."""
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "latest_charge": made["id"],
        "payment_method": made["payment_method"],
        "last_payment_error": None,
        "processing": None,
    }
    book.update(intent)
    record(book, "charge.succeeded", made, cause, now)
    record(book, "payment_intent.succeeded", intent, cause, now)


def fail(book: Book, intent: Body, made: Body, decline: Decline, cause: Cause, now: float) -> None:
    """The money did not come; the intent can be tried again."""
    intent |= {
        "status": "requires_payment_method",
        "latest_charge": made["id"],
        "processing": None,
        "last_payment_error": {
            "charge": made["id"],
            "code": decline.code,
            "decline_code": decline.decline_code,
            "message": decline.message,
            "type": "card_error",
        },
    }
    book.update(intent)
    record(book, "charge.failed", made, cause, now)
    record(book, "payment_intent.payment_failed", intent, cause, now)


def settle(book: Book, intent: Body, decline: Decline | None, cause: Cause, now: float) -> None:
    """The outcome of a delayed payment: its pending charge succeeds, or fails with `decline`."""
    made = need(book, "charge", intent["latest_charge"])
    if decline is None:
        made |= {"status": "succeeded", "paid": True, "captured": True, "amount_captured": made["amount"]}
        made["balance_transaction"] = new_id("txn")
        succeed(book, intent, book.update(made), cause, now)
    else:
        made |= {"status": "failed", "failure_code": decline.code, "failure_message": decline.message}
        fail(book, intent, book.update(made), decline, cause, now)


def refund(book: Book, params: Parameters, cause: Cause, now: float) -> Body:
    """Give money back, all that is left of the charge unless `amount` says less; raises Refusal."""
    check_known(params, REFUND_SHAPE)
    made = charge_of(book, params)
    left = made["amount_captured"] - made["amount_refunded"]
    if left <= 0:
        raise Refusal(
            f"Charge {made['id']} has already been refunded.", code="charge_already_refunded", kept=True
        )
    amount = integer(params["amount"], "amount", 1, MAX_AMOUNT) if "amount" in params else left
    if amount > left:
        message = (
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}), in minor units."
        )
        raise Refusal(message, param="amount", code="amount_too_large", kept=True)
    given = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": new_id("txn"),
        "charge": made["id"],
        "created": int(now),
        "currency": made["currency"],
        "destination_details": {"card": {"reference_status": "pending", "type": "refund"}, "type": "card"},
        "metadata": metadata(params.get("metadata")),
        "payment_intent": made["payment_intent"],
        "reason": one_of(params["reason"], REASONS, "reason") if params.get("reason") else None,
        "receipt_number": None,
        "status": "succeeded",
    }
    made["amount_refunded"] += amount
    made["refunded"] = made["amount_refunded"] == made["amount"]
    book.update(made)
    book.add(given)
    record(book, "refund.created", given, cause, now)
    record(book, "charge.refunded", made, cause, now)
    return given


def charge_of(book: Book, params: Parameters) -> Body:
    """The paid charge that a refund names by itself or by its payment intent; raises Refusal."""
    if params.get("charge"):
        made = need(book, "charge", params["charge"], "charge")
    elif params.get("payment_intent"):
        intent = need(book, "payment_intent", params["payment_intent"], "payment_intent")
        if intent["status"] != "succeeded":
            raise invalid(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                "payment_intent",
            )
        made = need(book, "charge", intent["latest_charge"])
    else:
        raise required("payment_intent")
    if not made["paid"]:
        raise invalid(f"Charge {made['id']} was not paid, so it cannot be refunded.", "charge")
    return made


def need(book: Book, kind: str, identity: Any, param: str = "id") -> Body:
    """An object that must exist; raises Refusal."""
    found = book.get(str(identity), kind)
    if found is None:
        raise missing(kind, str(identity), param)
    return found
