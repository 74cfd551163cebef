"""The page "Validate once", beside the wizard and open for as long as the plan runs."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from certificates.activation import once
from certificates.activation.views import hosting_panel
from certificates.activation.views.door import author_of, of_plan
from certificates.models import Activation, Certificate
from validation.delegation import NotDelegable


@require_GET
@of_plan
def page(request: HttpRequest, activation: Activation) -> HttpResponse:
    now = timezone.now()
    names = once.names_of(activation, now)
    here = reverse("activation-once", args=[activation.plan_id])
    context = {
        "plan": activation.plan,
        "order": activation.plan.item.order,
        "names": [(name, _ways(request, name, here)) for name in names],
        "possible": any(name.ways for name in names),
        "under_way": not Certificate.objects.filter(plan=activation.plan).exists(),
        "all_stand": bool(names) and all(name.stands for name in names),
        "by_mail": any(name.asks_by_mail for name in names),
        "has_standing": any(way.kind == "persist" for name in names for way in name.ways),
        "waiting": any(way.row is not None and not way.stands for name in names for way in name.ways),
        "now": now,
    }
    return render(request, "certificates/activation/once.html", context)


def _ways(request: HttpRequest, name: once.OnceName, here: str) -> list[tuple[once.Way, str]]:
    """Each way that the page speaks of, with the link to the sandbox's hosting panel while it is still to be set up."""
    return [
        (way, hosting_panel.link(request, way.published_as, here) if way.row and not way.stands else "")
        for way in name.shown
    ]


@require_POST
@of_plan
def want(request: HttpRequest, activation: Activation, position: int) -> HttpResponse:
    """Show what to set up for one name, or look at it again."""
    author = author_of(request)
    try:
        row = once.want(activation, position, request.POST.get("kind", ""), by=author.user, now=author.now)
    except (LookupError, NotDelegable) as refused:
        raise Http404 from refused
    if row.finding:
        messages.info(request, _("We are looking now."))
    return redirect("activation-once", activation.plan_id)
