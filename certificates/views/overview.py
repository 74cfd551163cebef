"""My certificates: all plans of a person, each with its standing, and what still has to be paid."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.models import User
from accounts.people import signed_in
from certificates.finding import find
from certificates.next_step import next_step
from certificates.standing import in_force, names_of, standing_of, with_standing
from orders.models import Order, Plan
from orders.models.order import OrderName

PER_PAGE = 25
MOST_UNPAID = 10
LONGEST_QUERY = 253


@login_required
@require_GET
@never_cache
def plans(request: HttpRequest) -> HttpResponse:
    """Every plan of the person, newest first; `?q=` keeps those with a name or an order number like it."""
    user, now = signed_in(request), timezone.now()
    query = " ".join(request.GET.get("q", "").replace("\0", "").split())[:LONGEST_QUERY]
    mine = Plan.objects.of(user)
    page = Paginator(with_standing(find(mine, query) if query else mine), PER_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "page": page,
        "rows": [_row(plan, now) for plan in page],
        "unpaid": [] if query else list(_unpaid(user)),
        "q": query,
        "now": now,
    }
    return render(request, "certificates/plans.html", context)


def _row(plan: Plan, now: datetime) -> dict[str, object]:
    standing, names = standing_of(plan, now), names_of(plan)
    return {
        "plan": plan,
        "name": names[0] if names else "",
        "more": len(names) - 1,
        "standing": standing,
        "certificate": in_force(plan, now),
        "action": next_step(plan, standing, now),
    }


def _unpaid(user: User) -> QuerySet[Order]:
    """The orders that wait for money, each with its first name, in one query."""
    names = OrderName.objects.filter(item__order=OuterRef("pk")).order_by("item", "position")
    count = names.order_by().values("item__order").annotate(count=Count("pk")).values("count")
    return (
        Order.objects.of(user)
        .filter(state=Order.State.AWAITING_PAYMENT)
        .annotate(
            first_ascii=Subquery(names.values("ascii")[:1]),
            first_wildcard=Subquery(names.values("wildcard")[:1]),
            names_count=Subquery(count),
        )
        .order_by("-created_at")[:MOST_UNPAID]
    )
