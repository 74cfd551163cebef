"""Money going back: asked for as a row, carried out by the sweep, and read again from the gateway afterwards."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Sum

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from orders import gateways
from orders.gateways import GatewayRefund, GatewayRefused, GatewayUnavailable
from orders.models import Order, Payment, Plan, Refund

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
STANDS_STILL = {Order.State.REFUNDED, Order.State.DISPUTED}


class NotRefundable(Exception):
    """There is not that much to give back."""


def refund(payment: Payment, amount: int, reason: str, *, by: User | str, now: datetime) -> Refund:
    """Ask for `amount` minor units to go back. Raises NotRefundable.

    The row is the order to do it; the sweep carries it out.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=payment.order_id)
        payment = Payment.objects.get(pk=payment.pk)
        payment.order = order
        return want(payment, amount, reason, by=by, now=now)


def want(payment: Payment, amount: int, reason: str, *, by: User | str, now: datetime) -> Refund:
    """As `refund`, inside a transaction that holds the order already."""
    if not 0 < amount <= payment.refundable():
        raise NotRefundable(f"{payment}: {amount} of {payment.refundable()}")
    wanted = Refund.objects.create(
        payment=payment,
        amount=amount,
        reason=reason[:200],
        asked_by=by if isinstance(by, str) else by.email,
        idempotency_key=f"refund-{uuid.uuid4()}",
        created_at=now,
        due_at=now,
    )
    _remember(Action.REFUND_ASKED, wanted, now, by=by)
    return wanted


def execute_refund(wanted: Refund, now: datetime) -> None:
    """Carry out a claimed refund, or ask how a pending one stands. Raises LeaseLost."""
    payment = wanted.payment
    gateway = gateways.gateway(payment.gateway)
    try:
        if not payment.intent_id:
            raise GatewayRefused("the payment has no intent")
        # A key is only good for a day: look first whether an earlier try got through without our hearing of it.
        done = next((r for r in gateway.refunds(payment.intent_id) if _same(wanted, r)), None)
        if done is None:
            wanted.renew_lease(now)
            done = gateway.refund(
                payment.intent_id,
                wanted.amount,
                payment.currency,
                key=wanted.idempotency_key,
                reference=str(wanted.pk),
            )
    except GatewayUnavailable as exc:
        wanted.let_go(now + wait(wanted, now), problem=str(exc)[:300])
        return
    except GatewayRefused as exc:
        with transaction.atomic():
            wanted.let_go(None, state=Refund.State.FAILED, problem=str(exc)[:300])
            _remember(Action.REFUND_FAILED, wanted, now, by=payment.gateway)
        return
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=payment.order_id)
        wanted.renew_lease(now)
        _note(wanted, done, now, by=payment.gateway)
        wanted.let_go(now + LONGEST_WAIT if wanted.state == Refund.State.PENDING else None)
        restate(order, now, by=payment.gateway)


def wait(wanted: Refund, now: datetime) -> timedelta:
    """Return how long to leave the gateway alone: half the refund's age, within bounds."""
    return min(max((now - wanted.created_at) / 2, FIRST_WAIT), LONGEST_WAIT)


def sync(payment: Payment, now: datetime) -> int:
    """Read every refund of the payment at the gateway, also those made over there; return how many.

    Raises GatewayUnavailable and GatewayRefused. Call it outside a transaction.
    """
    if not payment.intent_id:
        return 0
    found = gateways.gateway(payment.gateway).refunds(payment.intent_id)
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=payment.order_id)
        for answer in found:
            _take_in(payment, answer, now)
        restate(order, now, by=payment.gateway)
    return len(found)


def _take_in(payment: Payment, answer: GatewayRefund, now: datetime) -> None:
    known = payment.refunds.all()
    row = known.filter(gateway_id=answer.id).first()
    if row is None and answer.reference.isascii() and answer.reference.isdigit():
        row = known.filter(pk=int(answer.reference), gateway_id__isnull=True).first()
    if row is None:
        row = Refund.objects.create(
            payment=payment,
            amount=answer.amount,
            reason=answer.reason[:200] or "made at the gateway",
            asked_by=payment.gateway,
            idempotency_key=f"made-there-{answer.id}"[:64],
            state=Refund.State.PENDING,
            created_at=now,
            due_at=now + LONGEST_WAIT,
        )
    _note(row, answer, now, by=payment.gateway)


def _note(row: Refund, answer: GatewayRefund, now: datetime, *, by: str) -> None:
    """Copy the gateway's word into the row; each change of state is remembered once."""
    state = Refund.State(answer.status)
    before = row.state
    Refund.objects.filter(pk=row.pk).update(state=state, gateway_id=answer.id, problem="")
    row.state, row.gateway_id = state, answer.id
    if state != Refund.State.PENDING:
        # Its story is over for now; an event that says otherwise is read again by `sync`.
        Refund.objects.filter(pk=row.pk).update(due_at=None)
    if state == before:
        return
    if state == Refund.State.SUCCEEDED:
        _remember(Action.ORDER_REFUNDED, row, now, by=by)
    elif state == Refund.State.FAILED:
        _remember(Action.REFUND_FAILED, row, now, by=by)


def _same(wanted: Refund, answer: GatewayRefund) -> bool:
    return answer.id == wanted.gateway_id or answer.reference == str(wanted.pk)


def standing_of(payment: Payment) -> Order.State:
    """Return where the money of a paid order stands, from its refunds and its dispute alone."""
    gone = payment.refunds.filter(state=Refund.State.SUCCEEDED).aggregate(all=Sum("amount"))["all"] or 0
    if payment.dispute == Payment.Dispute.LOST or gone >= payment.received_amount:
        return Order.State.REFUNDED
    if payment.dispute == Payment.Dispute.OPEN:
        return Order.State.DISPUTED
    return Order.State.PARTIALLY_REFUNDED if gone else Order.State.PAID


def restate(order: Order, now: datetime, *, by: User | str) -> None:
    """Bring order and plans to where the money stands. The caller holds the order."""
    payment = order.payments.filter(state=Payment.State.PAID).first()
    if payment is None:
        return
    before, after = Order.State(order.state), standing_of(payment)
    if before == after:
        return
    order.move(after)
    if after == Order.State.DISPUTED:
        record(Action.ORDER_DISPUTED, order, now=now, by=by, order_id=order.pk)
    plans = Plan.objects.filter(item__order=order)
    if after in STANDS_STILL and before not in STANDS_STILL:
        plans.suspend()
        action = Action.PLAN_SUSPENDED
    elif before in STANDS_STILL and after not in STANDS_STILL:
        plans.resume()
        action = Action.PLAN_RESUMED
    else:
        return
    for plan in plans:
        record(action, plan, now=now, by=by, order_id=order.pk, plan_id=plan.pk, order_state=str(after))


def _remember(action: Action, row: Refund, now: datetime, *, by: User | str) -> None:
    record(
        action,
        row,
        now=now,
        by=by,
        order_id=row.payment.order_id,
        amount=row.amount,
        currency=row.payment.currency,
        reason=row.reason,
    )
