"""SSL Overview of one plan: its standing, its certificate with everything its owner may do, and its term."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.addresses import client_address
from accounts.people import signed_in
from certificates import issuance as wishes
from certificates.delivery import key_held
from certificates.installation import latest_report
from certificates.models import Certificate
from certificates.next_step import next_step
from certificates.offers import missing_from, offers_of
from certificates.plan_rows import own_plan
from certificates.progress import progress_of
from certificates.standing import (
    certificates_of,
    failed_since,
    in_force,
    may_reissue,
    names_of,
    standing_of,
    wanted_issuance,
    with_standing,
)
from certificates.term import term_of
from certificates.upcoming import ordered_at
from identifiers.names import Name
from orders.models import Plan

MOST_EARLIER = 20


def plan_of(request: HttpRequest, plan_id: uuid.UUID) -> Plan:
    """Return the person's own plan with its standing fetched. A stranger's plan does not exist."""
    plan = with_standing(Plan.objects.of(signed_in(request))).filter(pk=plan_id).first()
    if plan is None:
        raise Http404
    return plan


def _own(request: HttpRequest, plan_id: uuid.UUID) -> Plan:
    """Return the same to be shown, with no more than that takes."""
    plan = own_plan(plan_id, signed_in(request).pk)
    if plan is None:
        raise Http404
    return plan


@login_required
@require_GET
@never_cache
def plan(request: HttpRequest, plan_id: uuid.UUID) -> HttpResponse:
    found, now = _own(request, plan_id), timezone.now()
    return render(request, "certificates/plan.html", _everything(found, now))


@login_required
@require_GET
@never_cache
def live(request: HttpRequest, plan_id: uuid.UUID) -> HttpResponse:
    """The standing and the steps of a running request, as often as the page asks.

    204 while nothing changed; the page loads anew once the request has come to its end.
    """
    found, now = _own(request, plan_id), timezone.now()
    context = _standing(found, now)
    if request.GET.get("state") == context["state"]:
        return HttpResponse(status=204)
    if context["running"] is None:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "certificates/plan_live.html", context)


def _standing(plan: Plan, now: datetime) -> dict[str, Any]:
    """What may change while one looks at the page. `state` is the same as long as there is nothing new to draw."""
    standing, running = standing_of(plan, now), wanted_issuance(plan)
    steps = progress_of(running) if running is not None else []
    return {
        "plan": plan,
        "standing": standing,
        "running": running,
        "progress": steps,
        "action": next_step(plan, standing, now),
        "state": "-".join([standing.slug, *(step.state for step in steps)]),
        "valid": in_force(plan, now),
        "now": now,
    }


def _everything(plan: Plan, now: datetime) -> dict[str, Any]:
    certificates = certificates_of(plan)  # newest first
    # Shown until another takes its place, expired and revoked ones too: that is what the page is about then.
    shown = certificates[0] if certificates else None
    names, current = names_of(plan), in_force(plan, now)
    context = _standing(plan, now) | {
        "names": names,
        "first_name": names[0] if names else "",
        "failed": failed_since(plan),
        "certificate": shown,
        "earlier": certificates[1 : MOST_EARLIER + 1],
        "may_reissue": may_reissue(plan, now),
        "term": term_of(plan, certificates, now),
        "ordered_at": ordered_at(plan, current, now) if current is not None else None,
        "automatic": getattr(getattr(plan, "activation", None), "automatic", False),
    }
    return context | (_about(shown) if shown is not None else {})


def _about(certificate: Certificate) -> dict[str, Any]:
    """The downloads, the key and the last test of one certificate."""
    formats, single_files = offers_of(certificate)
    return {
        "formats": formats,
        "single_files": single_files,
        "missing_formats": missing_from(certificate),
        "key": certificate.issuance.key,
        "key_held": key_held(certificate),
        "pasted": certificate.issuance.key is None,
        "report": latest_report(certificate),
        "wildcard": next((name for name in certificate.names if name.startswith("*.")), ""),
        "panel_url": _panel_url(certificate),
    }


def _panel_url(certificate: Certificate) -> str:
    """Where the pretend hosting company of the sandbox takes certificates; "" in production."""
    if not settings.HOSTING_PANEL_URL:
        return ""
    return f"{settings.HOSTING_PANEL_URL}/domains/{Name.of(certificate.names[0]).registrable}#certificate"


@login_required
@require_POST
def reissue(request: HttpRequest, plan_id: uuid.UUID) -> HttpResponse:
    """Ask for the next certificate of the plan: same names, same CSR source; a key made by us is made anew."""
    found, now = plan_of(request, plan_id), timezone.now()
    if wanted_issuance(found) is None and not may_reissue(found, now):
        messages.error(request, _("This plan cannot yield another certificate now."))
        return redirect("overview", found.pk)
    try:
        wishes.request(
            found,
            by=signed_in(request),
            now=now,
            kind=wishes.next_kind(found),
            address=client_address(request),
            replaces=in_force(found, now),
        )
    except wishes.NotReady as exc:
        messages.error(request, str(exc))
        return redirect("overview", found.pk)
    messages.success(request, _("Requested. The certificate you have now stays valid meanwhile."))
    return redirect("activation-approve", found.pk)
