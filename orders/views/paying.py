"""To the gateway's page and back."""

from __future__ import annotations

import logging
import uuid

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import limiting
from accounts.people import signed_in
from orders import checkout, fulfilment
from orders.checkout import AlreadyPaid, NotVerified, PaymentProcessing
from orders.fulfilment import UnknownSession
from orders.gateways import GatewayRefused, GatewayUnavailable
from orders.models import Order, Payment
from orders.models.order import IllegalMove
from orders.standing import PAYMENT_NEEDED, PROCESSING, standing_of

log = logging.getLogger(__name__)


def own_order(request: HttpRequest, order_id: uuid.UUID) -> Order:
    """Return the owner's order with what its pages show. Raises Http404."""
    orders = Order.objects.of(signed_in(request)).with_lines().prefetch_related("payments", "items__plan")
    return get_object_or_404(orders, pk=order_id)


@login_required
@require_POST
def order_pay(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    return to_payment_page(request, own_order(request, order_id))


def to_payment_page(request: HttpRequest, order: Order) -> HttpResponse:
    """Send the browser to the order's one payment page; when there is none to be had, say why on the order's page."""
    user = signed_in(request)
    if not ratelimit.consume(request, action="payment_start", user=user):
        messages.warning(request, _("Please wait a few minutes before you try to pay again."))
        return redirect("order_detail", order.pk)
    try:
        payment = checkout.start_payment(order, by=user, now=timezone.now())
    except Exception as exc:
        explain(request, exc)
        return redirect("order_detail", order.pk)
    response = HttpResponseRedirect(payment.session_url)
    response.status_code = 303
    return response


def explain(request: HttpRequest, exc: Exception) -> None:
    """Tell the customer why the money did not move. Raises whatever is no answer of the checkout."""
    if isinstance(exc, NotVerified):
        messages.error(request, _("Please confirm your email address first: we have sent you a link."))
    elif isinstance(exc, AlreadyPaid):
        messages.success(request, _("A payment for this order has arrived already."))
    elif isinstance(exc, PaymentProcessing):
        messages.info(request, _("A payment for this order is on its way already."))
    elif isinstance(exc, IllegalMove):
        messages.warning(request, _("This order was changed meanwhile. Please look at it again."))
    elif isinstance(exc, GatewayUnavailable):
        log.warning("payment page: %s", exc)
        messages.error(
            request,
            _(
                "The payment page cannot be reached just now. Nothing was charged; please try again in a minute."
            ),
        )
    elif isinstance(exc, GatewayRefused):
        log.error("payment page refused: %s", exc)
        messages.error(
            request,
            _("The payment provider did not accept this order. Nothing was charged; please write to us."),
        )
    else:
        raise exc


@never_cache
@login_required
@require_GET
def order_paid(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """The landing page: asks the gateway once, then tells the truth; the browser's coming back proves nothing."""
    order = own_order(request, order_id)
    session_id = request.GET.get("session_id", "")
    if fits(order, session_id) and limiting.may(request, "payment_return"):
        try:
            fulfilment.settle(session_id, timezone.now())
        except (GatewayUnavailable, GatewayRefused, UnknownSession) as exc:
            log.warning("landing page of %s: %s", order.number, exc)
            # The sweep asks again at once instead of in some minutes.
            Payment.objects.live().filter(order=order).update(due_at=timezone.now())
        order = own_order(request, order_id)
    return render(request, "orders/paid.html", status_context(order))


@never_cache
@login_required
@require_GET
def order_paid_status(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """The part of the landing page that looks again by itself. Reads our rows only."""
    return render(request, "orders/_paid_status.html", status_context(own_order(request, order_id)))


def fits(order: Order, session_id: str) -> bool:
    """Is this a payment page of this order, or may it be the one whose answer was lost?"""
    if not session_id.isascii() or not 0 < len(session_id) <= 100:
        return False
    return any(payment.session_id in {session_id, None} for payment in order.payments.all())


def status_context(order: Order) -> dict[str, object]:
    standing = standing_of(order)
    paid = order.state in {Order.State.PAID, Order.State.PARTIALLY_REFUNDED}
    plans = [item.plan for item in order.items.all() if hasattr(item, "plan")] if paid else []
    live = any(payment.live for payment in order.payments.all())
    return {
        "order": order,
        "standing": standing,
        "paid": paid,
        "waiting": standing is PROCESSING or (standing is PAYMENT_NEEDED and live),
        "delayed": standing is PROCESSING,
        "poll": "every 2s" if standing is PAYMENT_NEEDED else "every 5s",
        "ways": [(plan, fulfilment.set_up_path(plan)) for plan in plans],
    }
