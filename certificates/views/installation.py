"""Test installation: looks at the customer's site when asked to."""

from __future__ import annotations

import uuid

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.addresses import client_address
from accounts.people import signed_in
from certificates.installation import inspect
from certificates.views.downloads import certificate_of


@login_required
@require_POST
def test_installation(request: HttpRequest, certificate_id: uuid.UUID) -> HttpResponse:
    certificate = certificate_of(request, certificate_id)
    user = signed_in(request)
    if not ratelimit.consume(request, action="test_installation", user=user):
        messages.warning(request, _("We have just looked. Please wait a few seconds before testing again."))
    else:
        found = inspect(certificate, by=user, now=timezone.now(), address=client_address(request))
        if found and all(row.ok for row in found):
            messages.success(request, _("Secured: your site serves this certificate."))
        else:
            messages.warning(request, _("Not yet: see below what we found and what to do."))
    return redirect(f"/certificates/{certificate.plan_id}/#installation")
