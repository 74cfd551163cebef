"""Where an order stands, in one word and one sentence: derived here from its rows, stored nowhere."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders.models import Order, Payment

Text = str | Promise


@dataclass(frozen=True)
class Standing:
    """`tone` and `icon` are names of the design system."""

    word: Text
    sentence: Text
    tone: str
    icon: str


DRAFT = Standing(_("Payment needed"), _("The order is not confirmed yet."), "wait", "card")
PAYMENT_NEEDED = Standing(
    _("Payment needed"),
    _("We start as soon as the payment has arrived. Nothing was charged yet."),
    "wait",
    "card",
)
PROCESSING = Standing(
    _("Payment processing"),
    _("The payment is on its way. Some methods take a few days; we write to you when it has arrived."),
    "info",
    "hourglass",
)
MISMATCH = Standing(
    _("Payment being checked"),
    _("A payment arrived that does not match this order. Our staff are looking at it and will write to you."),
    "bad",
    "alert",
)
BY_STATE = {
    Order.State.PAID: Standing(_("Paid"), _("The payment has arrived."), "ok", "check-circle"),
    Order.State.CANCELLED: Standing(
        _("Cancelled"), _("The order was cancelled; nothing was charged."), "quiet", "x-circle"
    ),
    Order.State.REFUNDED: Standing(
        _("Refunded"),
        _("The whole amount went back the way it came. The plan stands still."),
        "quiet",
        "refresh",
    ),
    Order.State.PARTIALLY_REFUNDED: Standing(
        _("Partly refunded"), _("A part of the amount went back the way it came."), "ok", "refresh"
    ),
    Order.State.DISPUTED: Standing(
        _("Payment disputed"),
        _("The payment was disputed at the bank. The plan stands still until that is decided."),
        "bad",
        "alert",
    ),
}


def standing_of(order: Order) -> Standing:
    """Return where the order stands. Reads `order.payments.all()`: prefetch it for lists."""
    if order.state == Order.State.DRAFT:
        return DRAFT
    if order.state in {Order.State.AWAITING_PAYMENT, Order.State.CANCELLED}:
        states = {payment.state for payment in order.payments.all()}
        if Payment.State.MISMATCH in states:
            return MISMATCH
        if Payment.State.PROCESSING in states:
            return PROCESSING
    if order.state == Order.State.AWAITING_PAYMENT:
        return PAYMENT_NEEDED
    return BY_STATE[Order.State(order.state)]


def may_pay(order: Order) -> bool:
    """Is `Pay now` the next step? Asked with payments prefetched."""
    return standing_of(order) is PAYMENT_NEEDED


def may_change(order: Order) -> bool:
    """Can the owner still change or cancel the order?"""
    return standing_of(order) in (DRAFT, PAYMENT_NEEDED)
