"""The switch of a plan: shall its next certificates be ordered by themselves?"""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.addresses import client_address
from accounts.people import signed_in
from certificates.models import Activation
from certificates.renewal import switch
from orders.models import Plan


@login_required
@require_POST
def automatic(request: HttpRequest, plan_id: uuid.UUID) -> HttpResponse:
    """`on` is "yes" or "no"; anything else changes nothing."""
    user = signed_in(request)
    plan = get_object_or_404(Plan.objects.of(user), pk=plan_id)
    activation, wanted = Activation.objects.filter(plan=plan).first(), request.POST.get("on")
    if activation is None or wanted not in {"yes", "no"}:
        return redirect("overview", plan.pk)
    on = wanted == "yes"
    switch.set_automatic(activation, on=on, by=user, now=timezone.now(), address=client_address(request))
    if on:
        messages.success(request, _("The next certificates of this plan are ordered by themselves."))
    else:
        messages.success(request, _("We no longer order by ourselves: we remind you in time by email."))
    return redirect("overview", plan.pk)
