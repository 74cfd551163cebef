"""The order page: names, term, live price, `Check out`."""

from __future__ import annotations

import uuid

from allauth.core import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from orders import drafts
from orders.forms import OrderForm
from orders.forms.order import LONGEST_TEXT, with_name_added
from orders.models import Order, Product
from orders.models.order import IllegalMove
from orders.views import basket
from orders.views.basket import SignInFirst

LONGEST_HINT = 300


def page(
    request: HttpRequest, product: Product, form: OrderForm, *, order: Order | None = None, status: int = 200
) -> HttpResponse:
    back = reverse("order_confirm", args=[order.pk]) if order else ""
    context = {"product": product, "form": form, "order": order, "back": back}
    return render(request, "orders/order.html", context, status=status)


@require_http_methods(["GET", "POST"])
def order_new(request: HttpRequest, slug: str) -> HttpResponse:
    product = get_object_or_404(Product.objects.on_sale().prefetch_related("prices"), slug=slug)
    if request.method != "POST":
        hint = request.GET.get("names", "")[:LONGEST_HINT]
        return page(request, product, OrderForm(product=product, initial={"names": hint}))
    reworked = rework(request, product)
    if reworked is not None:
        return page(request, product, reworked)
    if not ratelimit.consume(request, action="order_draft"):
        return too_fast(request, product)
    form = OrderForm(request.POST, product=product, thorough=True)
    if not form.is_valid():
        return page(request, product, form, status=422)
    owner = request.user if isinstance(request.user, User) else None
    order = drafts.begin(product, form.parsed, form.cleaned_data["years"], owner=owner, now=timezone.now())
    if owner is None:
        basket.remember(request, order)
    tell_notices(request, form)
    return redirect("order_confirm", order.pk)


@require_http_methods(["GET", "POST"])
def order_change(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    try:
        order = basket.find(request, order_id)
    except SignInFirst:
        return basket.to_sign_in(request)
    if order.state != Order.State.DRAFT:
        return redirect("order_detail", order.pk)
    item = drafts.item_of(order)
    if request.method != "POST":
        typed = "\n".join(name.unicode for name in drafts.names_of(item))
        initial = {"names": typed, "years": item.years}
        return page(request, item.product, OrderForm(product=item.product, initial=initial), order=order)
    reworked = rework(request, item.product)
    if reworked is not None:
        return page(request, item.product, reworked, order=order)
    if not ratelimit.consume(request, action="order_draft"):
        return too_fast(request, item.product, order=order)
    form = OrderForm(request.POST, product=item.product, thorough=True)
    if not form.is_valid():
        return page(request, item.product, form, order=order, status=422)
    try:
        drafts.rewrite(order, form.parsed, form.cleaned_data["years"])
    except IllegalMove:
        messages.warning(request, _("This order was confirmed in another window; nothing was changed."))
        return redirect("order_detail", order.pk)
    tell_notices(request, form)
    return redirect("order_confirm", order.pk)


@require_POST
def order_price(request: HttpRequest, slug: str) -> HttpResponse:
    """The price beside the form, while it is being filled in."""
    product = get_object_or_404(Product.objects.on_sale().prefetch_related("prices"), slug=slug)
    if not ratelimit.consume(request, action="order_price"):
        return HttpResponse(status=204)  # htmx leaves the last price standing
    form = OrderForm(request.POST, product=product)
    form.is_valid()
    return render(request, "orders/_price.html", {"product": product, "form": form, "live": True})


def rework(request: HttpRequest, product: Product) -> OrderForm | None:
    """Answer the page's own buttons where there is no JavaScript: add a name, or count again. None for `Check out`."""
    if "add" not in request.POST and "update" not in request.POST:
        return None
    data = request.POST.copy()
    typed = str(data.get("names", ""))[:LONGEST_TEXT]
    data["names"] = with_name_added(typed, str(data.get("add", "")))
    return OrderForm(data, product=product)


def too_fast(request: HttpRequest, product: Product, *, order: Order | None = None) -> HttpResponse:
    """Say so on the page itself, so that what was typed stays."""
    form = OrderForm(request.POST, product=product)
    form.add_error(None, _("That were many orders in a short time. Please wait five minutes and try again."))
    return page(request, product, form, order=order, status=429)


def tell_notices(request: HttpRequest, form: OrderForm) -> None:
    """Carry over to the next page what the thorough checks only wanted to mention."""
    for notice in form.findings.notices:
        if notice.add is None:
            messages.info(request, notice.message)
