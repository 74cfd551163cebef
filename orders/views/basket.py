"""Which orders a request may see: its owner's, or an ownerless draft that its session holds."""

from __future__ import annotations

import uuid

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse

from accounts.people import signed_in
from orders import drafts
from orders.models import Order

SESSION_KEY = "order_drafts"
MOST_KEPT = 10


class SignInFirst(Exception):
    """Nobody is signed in, and the session holds no such draft."""


def remember(request: HttpRequest, order: Order) -> None:
    """Keep the draft's id in the session; the oldest make room."""
    kept = [*request.session.get(SESSION_KEY, []), str(order.pk)]
    request.session[SESSION_KEY] = kept[-MOST_KEPT:]


def find(request: HttpRequest, order_id: uuid.UUID) -> Order:
    """Return the order. Whoever has signed in on the way becomes the draft's owner. Raises Http404 and SignInFirst."""
    held = str(order_id) in request.session.get(SESSION_KEY, [])
    if not request.user.is_authenticated:
        draft = Order.objects.filter(pk=order_id, owner__isnull=True).first() if held else None
        if draft is None:
            raise SignInFirst
        return draft
    user = signed_in(request)
    order = Order.objects.of(user).filter(pk=order_id).first()
    if order is None and held:
        draft = Order.objects.filter(pk=order_id, owner__isnull=True).first()
        if draft is not None and drafts.adopt(draft, user):
            order = draft
    if order is None:
        raise Http404
    return order


def to_sign_in(request: HttpRequest) -> HttpResponse:
    return redirect_to_login(request.get_full_path())
