"""Mass reissue for operators: the dry run, the start, how far it has come, and its three buttons."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.addresses import client_address
from accounts.people import signed_in
from certificates.campaigns import steering
from certificates.campaigns.progress import progress_of
from certificates.campaigns.survey import survey
from certificates.issuance import NotPossible
from certificates.models import Campaign
from portal.staff.campaign_forms import PlanForm, StartForm
from portal.staff.doors import staff_with

SEES = ("certificates.view_campaign",)
STARTS = (*SEES, "certificates.add_campaign")
STEERS = (*SEES, "certificates.change_campaign")
LISTED = 50

VERBS: dict[str, Callable[..., None]] = {
    "pause": steering.pause,
    "resume": steering.resume,
    "cancel": steering.cancel,
}


@require_safe
@never_cache
@staff_with(*SEES)
def campaigns(request: HttpRequest) -> HttpResponse:
    rows = Campaign.objects.select_related("from_account", "to_account", "asked_by")[:LISTED]
    return render(request, "portal/staff/campaigns.html", {"campaigns": rows, "now": timezone.now()})


@require_safe
@never_cache
@staff_with(*STARTS)
def dry_run(request: HttpRequest) -> HttpResponse:
    """Ask for the two accounts, or show what would happen. Changes nothing."""
    whole = "to_account" in request.GET
    form = PlanForm(request.GET) if whole else PlanForm(initial=request.GET.dict() or None)
    if not whole or not form.is_valid():
        return render(request, "portal/staff/campaign_new.html", {"form": form}, status=422 if whole else 200)
    return _show(request, form, StartForm(initial=request.GET.dict()))


@require_POST
@never_cache
@staff_with(*STARTS)
def start(request: HttpRequest) -> HttpResponse:
    form = StartForm(request.POST)
    if not form.is_valid():
        plan = PlanForm(request.POST)
        if plan.is_valid():
            return _show(request, plan, form, status=422)
        return render(request, "portal/staff/campaign_new.html", {"form": plan}, status=422)
    given = form.cleaned_data
    try:
        campaign = steering.start(
            given["from_account"],
            given["to_account"],
            reason=given["reason"],
            per_hour=given["per_hour"],
            by=signed_in(request),
            now=timezone.now(),
            address=client_address(request),
        )
    except NotPossible as refused:
        messages.error(request, str(refused))
        return redirect("staff_campaigns")
    messages.success(request, _("Started. Watch it here; you can pause it at any time."))
    return redirect("staff_campaign", campaign.pk)


def _show(request: HttpRequest, plan: PlanForm, start_form: StartForm, status: int = 200) -> HttpResponse:
    given, now = plan.cleaned_data, timezone.now()
    context = {
        "form": plan,
        "start_form": start_form,
        "survey": survey(given["from_account"], given["to_account"], now),
        "from_account": given["from_account"],
        "to_account": given["to_account"],
        "per_hour": given["per_hour"],
        "now": now,
    }
    return render(request, "portal/staff/campaign_new.html", context, status=status)


@require_safe
@never_cache
@staff_with(*SEES)
def campaign(request: HttpRequest, campaign_id: uuid.UUID) -> HttpResponse:
    """How far it has come. The page loads itself anew while it runs, with or without JavaScript."""
    found, now = _campaign(campaign_id), timezone.now()
    context = {
        "campaign": found,
        "progress": progress_of(found, now),
        "may_steer": request.user.has_perms(STEERS),
        "now": now,
    }
    return render(request, "portal/staff/campaign.html", context)


@require_POST
@never_cache
@staff_with(*STEERS)
def steer(request: HttpRequest, campaign_id: uuid.UUID, verb: str) -> HttpResponse:
    found = _campaign(campaign_id)
    if verb not in VERBS:
        raise Http404
    try:
        VERBS[verb](found, by=signed_in(request), now=timezone.now(), address=client_address(request))
    except NotPossible as refused:
        messages.error(request, str(refused))
    return redirect("staff_campaign", found.pk)


def _campaign(campaign_id: uuid.UUID) -> Campaign:
    rows = Campaign.objects.select_related("from_account", "to_account", "asked_by")
    found = rows.filter(pk=campaign_id).first()
    if found is None:
        raise Http404
    return found
