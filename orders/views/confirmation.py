"""Order Confirmation: who buys, which agreement, `Confirm`."""

from __future__ import annotations

import uuid

from allauth.account.models import EmailAddress
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.addresses import client_address
from accounts.models import User
from accounts.people import signed_in
from orders import checkout, drafts, pricing, sanity
from orders.checkout import AgreementChanged, NotOnSale, NotVerified, PriceChanged
from orders.forms import PurchaserForm
from orders.models import Agreement, Order
from orders.models.order import IllegalMove
from orders.views import basket
from orders.views.basket import SignInFirst
from orders.views.paying import to_payment_page


@require_http_methods(["GET", "POST"])
def order_confirm(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    try:
        order = basket.find(request, order_id)
    except SignInFirst:
        return basket.to_sign_in(request)
    agreement = Agreement.objects.current()
    if agreement is None:
        return render(request, "orders/closed.html", status=503)
    if order.state != Order.State.DRAFT:
        # A second click on `Confirm` goes where the first one went.
        if request.method == "POST" and order.state == Order.State.AWAITING_PAYMENT:
            return to_payment_page(request, order)
        return redirect("order_detail", order.pk)
    if request.method != "POST" or not request.user.is_authenticated:
        return page(request, order, agreement, None)
    return confirm(request, order, agreement)


def confirm(request: HttpRequest, order: Order, agreement: Agreement) -> HttpResponse:
    user = signed_in(request)
    form = PurchaserForm(request.POST, current=agreement)
    if not form.is_valid():
        return page(request, order, agreement, form)
    try:
        checkout.place(
            order,
            form.purchaser(),
            agreement,
            by=user,
            address=client_address(request),
            now=timezone.now(),
        )
    except NotVerified:
        form.add_error(None, _("Please confirm your email address first: we have sent you a link."))
    except PriceChanged:
        form.add_error(
            None, _("The price has changed since you began. Please look at the new total and confirm again.")
        )
    except AgreementChanged:
        form.say_agreement_changed()
        agreement = Agreement.objects.current() or agreement
    except (NotOnSale, pricing.NotForSale, pricing.WildcardNotOffered):
        form.add_error(None, _("This product cannot be bought in this form any more. Please choose again."))
    except IllegalMove:
        messages.warning(request, _("This order was changed in another window. Please look at it again."))
        return redirect("order_detail", order.pk)
    else:
        return to_payment_page(request, order)
    return page(request, order, agreement, form)


def page(
    request: HttpRequest, order: Order, agreement: Agreement, form: PurchaserForm | None
) -> HttpResponse:
    item = drafts.item_of(order)
    names = drafts.names_of(item)
    user = request.user if isinstance(request.user, User) else None
    if form is None and user is not None:
        form = PurchaserForm(current=agreement, initial=known_purchaser(user))
    context = {
        "order": order,
        "item": item,
        "names": names,
        "quote": pricing.quote(item.product, names, item.years, order.currency),
        "notices": sanity.look_quickly(item.product, names).notices,
        "agreement": agreement,
        "form": form,
        "verified": user is not None and EmailAddress.objects.filter(user=user, verified=True).exists(),
    }
    status = 422 if form is not None and form.errors else 200
    return render(request, "orders/confirm.html", context, status=status)


def known_purchaser(user: User) -> dict[str, str]:
    """Return what this person told us with their last order, else what their account says."""
    last = Order.objects.of(user).exclude(purchaser_name="").first()
    if last is None:
        return {"purchaser_name": user.name, "purchaser_email": user.email}
    return {name: getattr(last, name) for name in checkout.PURCHASER_FIELDS}
