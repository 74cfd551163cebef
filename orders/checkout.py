"""From a filled basket to the payment page: at most one page per order, and never one that asks for an old price."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.urls import reverse

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from orders import drafts, fulfilment, gateways, pricing
from orders.gateways import GatewayRefused, Line, Session, SessionRequest
from orders.models import Agreement, Order, Payment
from orders.models.order import IllegalMove

# Stripe takes 30 minutes to 24 hours, counted from when the request arrives there: a retry needs some air.
SHORTEST_PAGE = 35
SHORTEST_RETRY = timedelta(minutes=31)
LONGEST_PAGE = 24 * 60 - 1
# A page that is about to close is not worth sending somebody to.
MARGIN = timedelta(minutes=2)
# When the answer is lost, the reconciler asks again this soon; later on, this often.
ANSWER_LOST = timedelta(minutes=1)
LOOK_EVERY = timedelta(minutes=5)
PURCHASER_FIELDS = (
    "purchaser_name",
    "purchaser_email",
    "purchaser_company",
    "purchaser_phone",
    "purchaser_street",
    "purchaser_city",
    "purchaser_postcode",
    "purchaser_country",
    "purchaser_vat",
)


class NotVerified(Exception):
    """The person has shown no e-mail address to be theirs yet."""


class PriceChanged(Exception):
    """The price list changed since the basket was filled; the draft now carries the new price."""


class AgreementChanged(Exception):
    """Another text is in force than the one that was accepted."""


class NotOnSale(Exception):
    """The product was taken off sale meanwhile."""


class AlreadyPaid(Exception):
    """The money has arrived in the meantime."""


class PaymentProcessing(Exception):
    """A delayed payment of this order is under way; a second one would pay it twice."""


def require_verified(user: User) -> None:
    """Raises NotVerified."""
    if not EmailAddress.objects.filter(user=user, verified=True).exists():
        raise NotVerified(user.email)


def place(
    order: Order,
    purchaser: Mapping[str, str],
    agreement: Agreement,
    *,
    by: User,
    address: str | None,
    now: datetime,
) -> None:
    """Turn the owner's draft into an order that awaits payment.

    Raises NotVerified, NotOnSale, PriceChanged, AgreementChanged, NotForSale, WildcardNotOffered, IllegalMove.
    """
    require_verified(by)
    item = drafts.item_of(order)
    if not (item.product.on_sale and item.product.shown):
        raise NotOnSale(item.product.slug)
    if drafts.reprice(order):
        raise PriceChanged(order.number)
    current = Agreement.objects.current()
    if current is None or current.pk != agreement.pk:
        raise AgreementChanged(agreement.version)
    told = {name: purchaser.get(name, "") for name in PURCHASER_FIELDS}
    with transaction.atomic():
        # The total is part of the condition: nobody may slip another basket under an accepted price.
        if not Order.objects.filter(pk=order.pk, owner=by, total=order.total).update(**told):
            raise IllegalMove(f"order {order.number} was changed meanwhile")
        for name, value in told.items():
            setattr(order, name, value)
        order.accept_agreement(agreement, now=now, address=address)
        order.move(Order.State.AWAITING_PAYMENT)
        names = [name.text for name in item.names.all()]
        record(
            Action.ORDER_PLACED,
            order,
            now=now,
            by=by,
            address=address,
            order_id=order.pk,
            product=item.product.slug,
            years=item.years,
            names=names,
            total=order.total,
            currency=order.currency,
        )
        record(
            Action.AGREEMENT_ACCEPTED,
            order,
            now=now,
            by=by,
            address=address,
            order_id=order.pk,
            version=agreement.version,
        )


def start_payment(order: Order, *, by: User, now: datetime) -> Payment:
    """Return the order's one open payment page (`session_url`), opening it where there is none.

    Raises NotVerified, AlreadyPaid, PaymentProcessing, IllegalMove, GatewayUnavailable, GatewayRefused.
    Call it outside a transaction.
    """
    require_verified(by)
    for _try in range(4):
        payment = _live(order)
        if payment is None:
            try:
                payment = _new_attempt(order, by=by, now=now)
            except IntegrityError:
                continue  # another tab was first: use its page
        elif not _usable(payment, order, now):
            close_page(payment, now)
            continue
        if payment.state == Payment.State.CREATED:
            payment = open_page(payment, now)
        if payment.state == Payment.State.OPEN and payment.session_url:
            return payment
        refuse_if_money_moves(order)
    raise IllegalMove(f"order {order.number}: no payment page to be had")


def open_page(payment: Payment, now: datetime) -> Payment:
    """Ask the gateway for the page of a committed attempt; asking again gives the same page.

    Raises GatewayUnavailable (ask again) and GatewayRefused (the attempt is over).
    """
    gateway = gateways.gateway(payment.gateway)
    try:
        session = gateway.create_session(_request(payment), payment.idempotency_key)
    except GatewayRefused as exc:
        Payment.objects.filter(pk=payment.pk, state=Payment.State.CREATED).update(
            state=Payment.State.FAILED, problem=str(exc)[:300], due_at=None, settled_at=now
        )
        raise
    _keep(payment, session, now)
    payment.refresh_from_db()
    return payment


def close_page(payment: Payment, now: datetime) -> None:
    """Make sure that this attempt brings no more money, and write down if it has.

    Raises PaymentProcessing, AlreadyPaid, GatewayUnavailable, GatewayRefused.
    """
    gateway = gateways.gateway(payment.gateway)
    session: Session | None
    if payment.session_id:
        session = gateway.session(payment.session_id)
    else:
        session = gateway.find_session(str(payment.order_id), payment.attempt, payment.created_at - MARGIN)
    if session is None:
        # The page never came to be, or nobody was ever shown it.
        Payment.objects.filter(pk=payment.pk, state=Payment.State.CREATED).update(
            state=Payment.State.EXPIRED, due_at=None, settled_at=now
        )
        return
    if session.status == "open":
        try:
            session = gateway.expire_session(session.id)
        except GatewayRefused:
            session = gateway.session(session.id)  # paid or expired in this very moment
    fulfilment.take_in(session, now, gateway=payment.gateway)
    refuse_if_money_moves(payment.order)


def cancel(order: Order, *, by: User, now: datetime) -> None:
    """Give up an unpaid order. Raises as close_page, and IllegalMove."""
    _close_live_page(order, now)
    with transaction.atomic():
        _lock_without_live_page(order)
        order.move(Order.State.CANCELLED)
        record(Action.ORDER_CANCELLED, order, now=now, by=by, order_id=order.pk)


def reopen(order: Order, *, by: User, now: datetime) -> None:
    """Make an unpaid order a draft again, so that it can be changed. Raises as close_page, and IllegalMove."""
    _close_live_page(order, now)
    with transaction.atomic():
        _lock_without_live_page(order)
        order.move(Order.State.DRAFT)
        record(Action.ORDER_REOPENED, order, now=now, by=by, order_id=order.pk)


def refuse_if_money_moves(order: Order) -> None:
    """Raises AlreadyPaid and PaymentProcessing. Money that came wrongly blocks until it is given back."""
    for payment in order.payments.received():
        if payment.state == Payment.State.PAID or payment.refundable():
            raise AlreadyPaid(order.number)
    if order.payments.filter(state=Payment.State.PROCESSING).exists():
        raise PaymentProcessing(order.number)


def _close_live_page(order: Order, now: datetime) -> None:
    refuse_if_money_moves(order)
    payment = _live(order)
    if payment is not None:
        close_page(payment, now)


def _lock_without_live_page(order: Order) -> None:
    Order.objects.select_for_update().get(pk=order.pk)
    if order.payments.live().exists():
        raise IllegalMove(f"order {order.number}: a payment page was opened meanwhile")


def _live(order: Order) -> Payment | None:
    return order.payments.live().select_related("order").first()


def _usable(payment: Payment, order: Order, now: datetime) -> bool:
    """Can the customer be sent to this attempt's page, for what the order costs now?"""
    if payment.state == Payment.State.PROCESSING:
        return False
    if (payment.amount, payment.currency) != (order.total, order.currency):
        return False
    # A page that was never seen open needs the shortest time Stripe accepts.
    needed = SHORTEST_RETRY if payment.state == Payment.State.CREATED else MARGIN
    return payment.expires_at - now >= needed


def _new_attempt(order: Order, *, by: User, now: datetime) -> Payment:
    """Commit the intent to open a page. Raises IllegalMove, and IntegrityError when there is one."""
    minutes = min(max(settings.CHECKOUT_SESSION_MINUTES, SHORTEST_PAGE), LONGEST_PAGE)
    with transaction.atomic():
        locked = Order.objects.select_for_update().get(pk=order.pk)
        if locked.state != Order.State.AWAITING_PAYMENT:
            raise IllegalMove(f"order {order.number} is {locked.state}")
        attempt = (locked.payments.aggregate(last=Max("attempt"))["last"] or 0) + 1
        payment = Payment.objects.create(
            order=locked,
            attempt=attempt,
            gateway=gateways.default_gateway(),
            idempotency_key=f"order-{locked.pk}-{attempt}",
            amount=locked.total,
            currency=locked.currency,
            created_at=now,
            expires_at=(now + timedelta(minutes=minutes)).replace(microsecond=0),
            due_at=now + ANSWER_LOST,
        )
        record(
            Action.PAYMENT_STARTED,
            payment,
            now=now,
            by=by,
            order_id=locked.pk,
            attempt=attempt,
            amount=payment.amount,
            currency=payment.currency,
        )
    return payment


def _request(payment: Payment) -> SessionRequest:
    """Build what the page asks for from rows that do not change while the order awaits payment."""
    order = payment.order
    lines = tuple(
        Line(
            f"{pricing.title_of(item.product, item.years)}: {_names_in_short(item.names.all())}", item.amount
        )
        for item in order.items.select_related("product").prefetch_related("names")
    )
    page = settings.PORTAL_URL + reverse("order_paid", args=[order.pk])
    return SessionRequest(
        reference=str(order.pk),
        attempt=payment.attempt,
        currency=payment.currency,
        lines=lines,
        email=order.purchaser_email,
        expires_at=payment.expires_at,
        success_url=f"{page}?session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=settings.PORTAL_URL + reverse("order_detail", args=[order.pk]),
    )


def _names_in_short(names: object) -> str:
    texts = [str(name) for name in names]  # type: ignore[attr-defined]
    return ", ".join(texts[:3]) + (f" +{len(texts) - 3}" if len(texts) > 3 else "")


def _keep(payment: Payment, session: Session, now: datetime) -> None:
    """Write down the gateway's answer; two tabs that asked at once were given the same."""
    Payment.objects.filter(pk=payment.pk, state=Payment.State.CREATED).update(
        state=Payment.State.OPEN,
        session_id=session.id,
        session_url=session.url,
        intent_id=session.intent_id,
        due_at=now + LOOK_EVERY,
    )
