"""Money that needs somebody: paid without a plan, not what was asked for, disputed, refused, failed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.translation import gettext as _t

from audit.admin_pages import page_of
from orders.models import GatewayEvent, Order, OrderItem, Payment, Refund
from portal.staff.stuck.row import FETCHED, Act, Stuck

# The gateway's event opens the plan within seconds.
PATIENCE = timedelta(minutes=2)
DECLINED_FOR = timedelta(days=3)


def paid_without_plan(now: datetime) -> Iterable[Stuck]:
    items = OrderItem.objects.filter(
        order__state=Order.State.PAID, plan__isnull=True, order__paid_at__lt=now - PATIENCE
    )
    for item in items.select_related("order", "product").order_by("order__paid_at")[:FETCHED]:
        yield Stuck(
            f"{item.order.number} {item.product.title}",
            _t("Paid, but no plan was opened."),
            item.order.paid_at,
            page_of(item.order),
            then=_t("Nothing happens by itself. This is a fault in the portal: please report it."),
            acts=(_refund(item.order),),
        )


def mismatches(now: datetime) -> Iterable[Stuck]:
    settled = Refund.objects.filter(payment=OuterRef("pk")).exclude(state=Refund.State.FAILED)
    rows = Payment.objects.filter(~Exists(settled), state=Payment.State.MISMATCH).select_related("order")
    for payment in rows.order_by("created_at")[:FETCHED]:
        yield Stuck(
            payment.order.number,
            _t("The money is not what was asked for, so nothing was fulfilled."),
            payment.created_at,
            page_of(payment),
            words=payment.problem,
            then=_t("Nothing happens by itself: refund it, or settle it with the customer."),
            acts=(_refund(payment.order),),
        )


def failed_refunds(now: datetime) -> Iterable[Stuck]:
    rows = Refund.objects.filter(state=Refund.State.FAILED).select_related("payment__order")
    for refund in rows.order_by("created_at")[:FETCHED]:
        yield Stuck(
            refund.payment.order.number,
            _t("The gateway refused the refund: the customer waits for the money."),
            refund.created_at,
            page_of(refund),
            words=refund.problem,
            then=_t("Nothing happens by itself: ask again, or settle it with the gateway."),
            acts=(_refund(refund.payment.order),),
        )


def disputes(now: datetime) -> Iterable[Stuck]:
    for order in Order.objects.filter(state=Order.State.DISPUTED).order_by("paid_at")[:FETCHED]:
        yield Stuck(
            order.number,
            _t("The customer's bank disputes the payment. Its plans are suspended."),
            order.paid_at,
            page_of(order),
            then=_t("Goes on by itself when the bank has decided; your evidence goes to the gateway."),
        )


def events(now: datetime) -> Iterable[Stuck]:
    """Kept, tried, and not processed: the gateway did not answer when it was asked what the event means."""
    rows = GatewayEvent.objects.filter(due_at__isnull=False, tries__gt=0).defer("payload")
    for event in rows.order_by("received_at")[:FETCHED]:
        yield Stuck(
            event.kind,
            _t("What the gateway told us could not be worked yet."),
            event.received_at,
            page_of(event),
            needs="orders.view_gatewayevent",
            words=event.outcome,
            next_at=event.due_at,
        )


def declined(now: datetime) -> Iterable[Stuck]:
    rows = Payment.objects.filter(
        state=Payment.State.FAILED,
        order__state=Order.State.AWAITING_PAYMENT,
        created_at__gt=now - DECLINED_FOR,
    )
    for payment in rows.select_related("order").order_by("-created_at")[:FETCHED]:
        yield Stuck(
            payment.order.number,
            _t("The payment failed."),
            payment.created_at,
            page_of(payment),
            words=payment.problem,
            then=_t("The customer can pay again; a call may help."),
        )


def _refund(order: Order) -> Act:
    return Act(
        _t("Refund"), reverse("admin:orders_order_refund", args=[order.pk]), "orders.add_refund", icon="card"
    )
