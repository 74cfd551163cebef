"""A person's orders: list, page, receipt; change or cancel what is not paid."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.countries import COUNTRIES
from accounts.models import User
from accounts.people import signed_in
from identifiers.names import Name
from orders import checkout, fulfilment
from orders.models import Order, Payment
from orders.standing import may_change, may_pay, standing_of
from orders.views.paying import explain, own_order

PER_PAGE = 20


@never_cache
@login_required
@require_GET
def order_list(request: HttpRequest) -> HttpResponse:
    orders = Order.objects.of(signed_in(request)).with_lines().prefetch_related("payments")
    page = Paginator(orders, PER_PAGE).get_page(request.GET.get("page"))
    rows = [{"order": order, "standing": standing_of(order), "lines": lines_of(order)} for order in page]
    return render(request, "orders/list.html", {"rows": rows, "page": page})


@never_cache
@login_required
@require_GET
def order_detail(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    order = own_order(request, order_id)
    if order.state == Order.State.DRAFT:
        return redirect("order_confirm", order.pk)
    return render(request, "orders/detail.html", facts_of(order))


@never_cache
@login_required
@require_GET
def order_receipt(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """The page to print and to keep. Raises Http404 for an order whose money never came."""
    order = own_order(request, order_id)
    if order.paid_at is None:
        raise Http404
    return render(request, "orders/receipt.html", facts_of(order))


@login_required
@require_POST
def order_cancel(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    order = own_order(request, order_id)
    return carry_out(
        request, order, checkout.cancel, _("The order is cancelled. Nothing was charged."), "order_detail"
    )


@login_required
@require_POST
def order_reopen(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    order = own_order(request, order_id)
    return carry_out(request, order, checkout.reopen, _("You can change the order now."), "order_change")


def carry_out(
    request: HttpRequest, order: Order, verb: Callable[..., None], done: str, then: str
) -> HttpResponse:
    user: User = signed_in(request)
    try:
        verb(order, by=user, now=timezone.now())
    except Exception as exc:
        explain(request, exc)
        return redirect("order_detail", order.pk)
    messages.success(request, done)
    return redirect(then, order.pk)


def lines_of(order: Order) -> list[dict[str, object]]:
    """Return each item with its names as people write them."""
    return [
        {"item": item, "names": [Name(name.ascii, name.wildcard) for name in item.names.all()]}
        for item in order.items.all()
    ]


def facts_of(order: Order) -> dict[str, object]:
    payments = list(order.payments.all())
    received = [
        payment for payment in payments if payment.state in {Payment.State.PAID, Payment.State.MISMATCH}
    ]
    plans = [item.plan for item in order.items.all() if hasattr(item, "plan")]
    return {
        "order": order,
        "country": COUNTRIES.get(order.purchaser_country, order.purchaser_country),
        "lines": lines_of(order),
        "standing": standing_of(order),
        "may_pay": may_pay(order),
        "may_change": may_change(order),
        "payments": payments,
        "received": received,
        "refunds": [refund for payment in received for refund in payment.refunds.all()],
        "ways": [(plan, fulfilment.set_up_path(plan)) for plan in plans],
    }
