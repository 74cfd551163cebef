"""Checkout sessions: made by the portal, paid on the hosted page, expired by the clock or a call."""

from __future__ import annotations

from sandbox.cards.book import Body, Book, new_id
from sandbox.cards.errors import Refusal, invalid, required
from sandbox.cards.events import Cause, record
from sandbox.cards.items import ITEM_SHAPE, read_items
from sandbox.cards.parameters import (
    ANY_KEYS,
    TEXT,
    Parameters,
    boolean,
    check_known,
    integer,
    metadata,
    one_of,
    web_address,
)
from sandbox.cards.payments import Card, Decline, charge, fail, need, open_intent, settle, succeed

SHAPE = {
    "mode": TEXT,
    "ui_mode": TEXT,
    "line_items": [ITEM_SHAPE],
    "success_url": TEXT,
    "cancel_url": TEXT,
    "client_reference_id": TEXT,
    "customer_email": TEXT,
    "customer_creation": TEXT,
    "metadata": ANY_KEYS,
    "payment_intent_data": {
        "metadata": ANY_KEYS,
        "description": TEXT,
        "receipt_email": TEXT,
        "statement_descriptor": TEXT,
        "statement_descriptor_suffix": TEXT,
        "transfer_group": TEXT,
    },
    "payment_method_types": [TEXT],
    "expires_at": TEXT,
    "locale": TEXT,
    "submit_type": TEXT,
    "billing_address_collection": TEXT,
    "invoice_creation": {"enabled": TEXT},
    "automatic_tax": {"enabled": TEXT},
    "tax_id_collection": {"enabled": TEXT},
    "custom_text": {
        place: {"message": TEXT}
        for place in ("after_submit", "submit", "terms_of_service_acceptance", "shipping_address")
    },
    "integration_identifier": TEXT,
    "expand": [TEXT],
}
MIN_LIFE = 30 * 60
MAX_LIFE = 24 * 3600
# A request is allowed this long on its way, so that "in 30 minutes" is not refused for its travel.
TRAVEL = 60
MIN_CHARGE = 50
DELAYED_FAILED = Decline(
    "payment_method_provider_decline", "generic_decline", "The delayed payment did not arrive."
)


def create(book: Book, params: Parameters, cause: Cause, base_url: str, now: float) -> Body:
    """Open a session for a one-time payment on the hosted page; raises Refusal."""
    check_known(params, SHAPE)
    if params.get("mode") is None:
        raise required("mode")
    if one_of(params["mode"], ("payment", "setup", "subscription"), "mode") != "payment":
        raise invalid("This sandbox takes one-time payments only: mode must be payment.", "mode")
    if one_of(params.get("ui_mode", "hosted_page"), ("hosted_page", "hosted"), "ui_mode") == "hosted":
        raise invalid("The value hosted was renamed hosted_page in this API version.", "ui_mode")
    items = read_items(params)
    identity = new_id("cs_test", 58)
    session = {
        **blank(int(now)),
        **described(params, items, now),
        "id": identity,
        "url": f"{base_url}/pay/{identity}",
    }
    book.add(session, line_items=items, payment_intent_data=params.get("payment_intent_data") or {})
    book.set_timer(session["expires_at"], "expire", identity)
    return session


def described(params: Parameters, items: list[Body], now: float) -> Body:
    """The members of a session that come from the request; raises Refusal."""
    total = sum(item["amount_total"] for item in items)
    if 0 < total < MIN_CHARGE:
        message = (
            f"The Checkout Session's total amount due must add up to at least {MIN_CHARGE} in minor units."
        )
        raise invalid(message, "line_items", "amount_too_small")
    return {
        "amount_subtotal": total,
        "amount_total": total,
        "currency": items[0]["currency"],
        "success_url": web_address(params, "success_url", needed=True),
        "cancel_url": web_address(params, "cancel_url", needed=False),
        "client_reference_id": limited(params, "client_reference_id", 200),
        "customer_email": read_email(params),
        "customer_creation": one_of(
            params.get("customer_creation", "if_required"), ("always", "if_required"), "customer_creation"
        ),
        "metadata": metadata(params.get("metadata")),
        "expires_at": read_expiry(params, now),
        "locale": params.get("locale"),
        "submit_type": params.get("submit_type"),
        "billing_address_collection": params.get("billing_address_collection"),
        "payment_method_types": params.get("payment_method_types") or ["card"],
        "integration_identifier": params.get("integration_identifier"),
        "invoice_creation": {"enabled": switched(params, "invoice_creation"), "invoice_data": None},
        "automatic_tax": {"enabled": switched(params, "automatic_tax"), "liability": None, "status": None},
        "tax_id_collection": {"enabled": switched(params, "tax_id_collection"), "required": "never"},
        "custom_text": {
            place: (params.get("custom_text") or {}).get(place) for place in SHAPE["custom_text"]
        },
    }


def blank(created: int) -> Body:
    """A session before anything is known about it, as the API version shows it."""
    return {
        "id": "",
        "object": "checkout.session",
        "adaptive_pricing": None,
        "after_expiration": None,
        "allow_promotion_codes": None,
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": created,
        "currency_conversion": None,
        "custom_fields": [],
        "customer": None,
        "customer_details": None,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "mode": "payment",
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_options": {},
        "payment_status": "unpaid",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "subscription": None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "wallet_options": None,
    }


def read_expiry(params: Parameters, now: float) -> int:
    """When the session ends, 30 minutes to 24 hours from now; raises Refusal."""
    if "expires_at" not in params:
        return int(now) + MAX_LIFE
    moment = integer(params["expires_at"], "expires_at", 0, 10**11)
    if moment < int(now) + MIN_LIFE - TRAVEL:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
            "expires_at",
        )
    if moment > int(now) + MAX_LIFE + TRAVEL:
        raise invalid(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            "expires_at",
        )
    return moment


def read_email(params: Parameters) -> str | None:
    """The customer's address; raises Refusal."""
    email = limited(params, "customer_email", 512)
    if email and not (email.count("@") == 1 and email.isprintable() and "." in email.split("@")[1]):
        raise invalid(f"Invalid email address: {email}", "customer_email", "email_invalid")
    return email


def limited(params: Parameters, param: str, length: int) -> str | None:
    """A text of at most `length` characters; raises Refusal."""
    value = params.get(param)
    if value and len(value) > length:
        raise invalid(
            f"Invalid string: {param} can be {length} characters long at most.", param, "parameter_invalid"
        )
    return value or None


def switched(params: Parameters, param: str) -> bool:
    """The `enabled` member of a group; raises Refusal."""
    return boolean((params.get(param) or {}).get("enabled", "false"), f"{param}[enabled]")


def line_items(book: Book, identity: str) -> list[Body]:
    """What a session is about."""
    return list(book.hidden(identity)["line_items"])


def expire(book: Book, identity: str, cause: Cause, now: float) -> Body:
    """End an open session; raises Refusal."""
    session = need(book, "checkout.session", identity)
    if session["status"] != "open":
        raise Refusal(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of {session['status']}.",
            kept=True,
        )
    session |= {"status": "expired", "url": None}
    book.update(session)
    if session["payment_intent"]:
        intent = need(book, "payment_intent", session["payment_intent"])
        intent |= {"status": "canceled", "canceled_at": int(now), "cancellation_reason": "abandoned"}
        record(book, "payment_intent.canceled", book.update(intent), cause, now)
    record(book, "checkout.session.expired", session, cause, now)
    return session


def complete(book: Book, session: Body, payment_status: str, email: str, cause: Cause, now: float) -> Body:
    """The customer is done on the hosted page."""
    details: Body = {
        "address": None,
        "email": email or None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }
    session |= {
        "status": "complete",
        "payment_status": payment_status,
        "url": None,
        "customer_details": details,
    }
    book.update(session)
    record(book, "checkout.session.completed", session, cause, now)
    return session


def pay(
    book: Book,
    session: Body,
    card: Card | None,
    decline: Decline | None,
    email: str,
    cause: Cause,
    now: float,
) -> Body:
    """One press of Pay on an open session: paid, or declined and still open; a free one needs no card."""
    if session["amount_total"] == 0:
        return complete(book, session, "no_payment_required", email, cause, now)
    if card is None:
        raise ValueError("a session that costs something is paid with a card")
    intent = attempt(book, session, now)
    if decline is not None:
        made = charge(book, intent, card, email, "failed", decline, now)
        fail(book, intent, made, decline, cause, now)
        return book.update(session)
    made = charge(book, intent, card, email, "succeeded", None, now)
    succeed(book, intent, made, cause, now)
    return complete(book, session, "paid", email, cause, now)


def pay_later(
    book: Book,
    session: Body,
    card: Card,
    email: str,
    cause: Cause,
    now: float,
    *,
    after: float,
    succeeds: bool,
) -> Body:
    """Finish with a delayed method: unpaid now, settled `after` seconds."""
    intent = attempt(book, session, now)
    made = charge(book, intent, card, email, "pending", None, now)
    intent |= {"status": "processing", "latest_charge": made["id"], "payment_method": made["payment_method"]}
    record(book, "payment_intent.processing", book.update(intent), cause, now)
    record(book, "charge.pending", made, cause, now)
    book.set_timer(
        now + after, "settle", session["id"], succeeds=succeeds, webhook=cause.webhook, late=cause.late
    )
    return complete(book, session, "unpaid", email, cause, now)


def attempt(book: Book, session: Body, now: float) -> Body:
    """The session's payment intent, made if this is the first attempt."""
    intent = open_intent(book, session, book.hidden(session["id"])["payment_intent_data"], now)
    session["payment_intent"] = intent["id"]
    return intent


def settle_later(book: Book, identity: str, succeeds: bool, cause: Cause, now: float) -> None:
    """A delayed method's outcome has come."""
    session = need(book, "checkout.session", identity)
    intent = need(book, "payment_intent", session["payment_intent"])
    settle(book, intent, None if succeeds else DELAYED_FAILED, cause, now)
    if succeeds:
        session["payment_status"] = "paid"
    book.update(session)
    outcome = "succeeded" if succeeds else "failed"
    record(book, f"checkout.session.async_payment_{outcome}", session, cause, now)
