"""Payment becomes plans: the one idempotent function behind webhook, landing page and reconciler."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.urls import NoReverseMatch, reverse

from accounts import mail
from audit.record import record
from audit.vocabulary import Action
from orders import gateways, money, refunds
from orders.gateways import Session
from orders.models import Order, OrderItem, Payment, Plan


class UnknownSession(Exception):
    """The gateway knows this payment page, but it is none of ours."""


def settle(session_id: str, now: datetime, *, gateway: str | None = None) -> Payment:
    """Ask the gateway how this payment page stands and write down what follows; any number of times, in any order.

    Raises UnknownSession, GatewayUnavailable, GatewayRefused. Call it outside a transaction.
    """
    name = gateway or gateways.default_gateway()
    return take_in(gateways.gateway(name).session(session_id), now, gateway=name)


def take_in(session: Session, now: datetime, *, gateway: str) -> Payment:
    """Write down, in one transaction, what the gateway's own answer means for payment, order and plans."""
    with transaction.atomic():
        found = _find(session, gateway)
        # Whoever settles two payments of one order at once waits here for the other.
        order = Order.objects.select_for_update().get(pk=found.order_id)
        payment = Payment.objects.get(pk=found.pk)
        payment.order = order
        if payment.state in {Payment.State.PAID, Payment.State.MISMATCH}:
            return payment
        if session.status == "complete" and session.payment_status != "unpaid":
            _money_came(order, payment, session, now)
        elif session.failed:
            _came_to_nothing(payment, Payment.State.FAILED, now)
        elif session.status == "expired":
            _came_to_nothing(payment, Payment.State.EXPIRED, now)
        elif session.status == "complete":
            _turn(payment, Payment.State.PROCESSING, intent_id=session.intent_id or payment.intent_id)
        else:
            _turn(payment, Payment.State.OPEN, session_url=session.url)
        return payment


def _find(session: Session, gateway: str) -> Payment:
    payment = Payment.objects.filter(gateway=gateway, session_id=session.id).first()
    if payment is not None:
        return payment
    # The answer to our own request was lost: the page carries the marks of the row that was committed before it.
    reference = _uuid_or_none(session.reference)
    lost = Payment.objects.filter(gateway=gateway, session_id__isnull=True, attempt=session.attempt)
    for payment in lost.filter(order_id=reference) if reference else ():
        if Payment.objects.filter(pk=payment.pk, session_id__isnull=True).update(session_id=session.id):
            return payment
    raise UnknownSession(session.id)


def _uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def fault_of(order: Order, payment: Payment, session: Session) -> str:
    """Return in what the money differs from what we asked for, or ""."""
    if session.payment_status != "paid":
        return f"payment status is {session.payment_status}"
    if session.reference != str(order.pk):
        return "the page was opened for another order"
    if session.currency != payment.currency:
        return f"currency is {session.currency}, not {payment.currency}"
    if session.amount != payment.amount:
        return f"amount is {session.amount}, not {payment.amount}"
    if order.state == Order.State.DRAFT or (order.total, order.currency) != (
        payment.amount,
        payment.currency,
    ):
        return "the order was changed after the payment page was opened"
    if order.state not in {Order.State.AWAITING_PAYMENT, Order.State.CANCELLED}:
        return "the order was paid before by another payment"
    return ""


def _money_came(order: Order, payment: Payment, session: Session, now: datetime) -> None:
    fault = fault_of(order, payment, session)
    if not _end(
        payment,
        Payment.State.MISMATCH if fault else Payment.State.PAID,
        settled_at=now,
        problem=fault,
        intent_id=session.intent_id,
        session_id=session.id,
        received_amount=session.amount if session.currency == payment.currency else 0,
    ):
        return
    if not fault:
        _pay(order, payment, now)
        return
    record(
        Action.PAYMENT_MISMATCH,
        payment,
        now=now,
        by=payment.gateway,
        order_id=order.pk,
        problem=fault,
        amount=session.amount,
        currency=session.currency,
    )
    paid_twice = order.payments.filter(state=Payment.State.PAID).exists()
    if paid_twice and payment.received_amount:
        refunds.want(payment, payment.received_amount, "paid twice", by="fulfilment", now=now)


def _pay(order: Order, payment: Payment, now: datetime) -> None:
    order.move(Order.State.PAID, paid_at=now)
    record(
        Action.ORDER_PAID,
        order,
        now=now,
        by=payment.gateway,
        order_id=order.pk,
        amount=payment.amount,
        currency=payment.currency,
        attempt=payment.attempt,
    )
    plans = [
        open_plan(order, item, now)
        for item in order.items.select_related("product").prefetch_related("names")
    ]
    write_receipt_letter(order, plans, now)


def open_plan(order: Order, item: OrderItem, now: datetime) -> Plan:
    """Open what a paid item entitles to; an item has one plan for ever."""
    if order.owner_id is None:
        raise ValueError(f"order {order.number} was paid but belongs to nobody")
    names = list(item.names.all())
    wildcards = sum(name.wildcard for name in names)
    plan, created = Plan.objects.get_or_create(
        item=item,
        defaults={
            "owner_id": order.owner_id,
            "product": item.product,
            "single_names": len(names) - wildcards,
            "wildcard_names": wildcards,
            "years": item.years,
            "starts_at": now,
            "ends_at": years_later(now, item.years),
        },
    )
    if created:
        record(
            Action.PLAN_OPENED,
            plan,
            now=now,
            by="fulfilment",
            order_id=order.pk,
            plan_id=plan.pk,
            product=item.product.slug,
            years=item.years,
            names=[name.text for name in names],
        )
    return plan


def years_later(moment: datetime, years: int) -> datetime:
    """Return the same day and time `years` calendar years later; 29 February becomes the 28th."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, day=28)


def set_up_path(plan: Plan) -> str:
    """Return the path where the plan is set up; without the registry's room, the order's own page."""
    try:
        return reverse("activation", args=[plan.pk])
    except NoReverseMatch:
        return reverse("order_detail", args=[plan.item.order_id])


def write_receipt_letter(order: Order, plans: list[Plan], now: datetime) -> None:
    """Tell the owner that the money has arrived and where to go on."""
    if order.owner is None:
        return
    first = order.items.first()
    names = list(first.names.all()) if first else []
    mail.write(
        "order_paid",
        to=order.owner.email,
        occasion=f"order_paid:{order.pk}",
        now=now,
        order_id=order.pk,
        plan_id=plans[0].pk if plans else None,
        context={
            "order": order,
            "total": money.shown(order.total, order.currency),
            "domain": names[0].text if names else "",
            "names": [name.text for name in names],
            "plans": plans,
            "set_up_urls": [f"{settings.PORTAL_URL}{set_up_path(plan)}" for plan in plans],
            "order_url": f"{settings.PORTAL_URL}{reverse('order_detail', args=[order.pk])}",
        },
    )


def _came_to_nothing(payment: Payment, state: Payment.State, now: datetime) -> None:
    if not _end(payment, state, settled_at=now):
        return
    failed = state == Payment.State.FAILED
    action = Action.PAYMENT_FAILED if failed else Action.PAYMENT_EXPIRED
    record(action, payment, now=now, by=payment.gateway, order_id=payment.order_id, attempt=payment.attempt)
    order = payment.order
    if failed and order.owner is not None and order.state == Order.State.AWAITING_PAYMENT:
        first = order.items.first()
        name = first.names.first() if first else None
        mail.write(
            "payment_failed",
            to=order.owner.email,
            occasion=f"payment_failed:{payment.pk}",
            now=now,
            order_id=order.pk,
            context={
                "order": order,
                "total": money.shown(order.total, order.currency),
                "domain": name.text if name else "",
                "order_url": f"{settings.PORTAL_URL}{reverse('order_detail', args=[order.pk])}",
            },
        )


def _turn(payment: Payment, state: Payment.State, **values: object) -> None:
    """Note a step on the way; what is already further or over stays as it is."""
    earlier = {
        Payment.State.OPEN: [Payment.State.CREATED, Payment.State.OPEN],
        Payment.State.PROCESSING: [Payment.State.CREATED, Payment.State.OPEN],
    }[state]
    if Payment.objects.filter(pk=payment.pk, state__in=earlier).update(state=state, **values):
        payment.state = state


def _end(payment: Payment, state: Payment.State, **values: object) -> bool:
    """Finish the payment by one conditional UPDATE; False when another was first.

    The raised epoch takes the row away from a reconciler that still holds it.
    """
    live_only = state in {Payment.State.FAILED, Payment.State.EXPIRED}
    rows = Payment.objects.filter(pk=payment.pk)
    rows = rows.live() if live_only else rows.unsettled()
    if rows.update(state=state, due_at=None, lease_until=None, epoch=F("epoch") + 1, **values) != 1:
        return False
    for name, value in {"state": state, "due_at": None, "lease_until": None, **values}.items():
        setattr(payment, name, value)
    return True
