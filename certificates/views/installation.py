"""Test installation: looks at the customer's site when asked to."""

from __future__ import annotations

import uuid

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.addresses import client_address
from accounts.people import signed_in
from certificates.installation import NotCovered, inspect
from certificates.models import Certificate
from certificates.views.downloads import certificate_of
from identifiers import names


@login_required
@require_POST
def test_installation(request: HttpRequest, certificate_id: uuid.UUID) -> HttpResponse:
    """Look once at every address of every name, or of the one posted as `host`; the plan's page shows what was found."""
    certificate = certificate_of(request, certificate_id)
    plan_url = reverse("overview", args=[certificate.plan_id])
    if certificate.state != Certificate.State.VALID:
        messages.error(request, _("Another certificate has taken the place of this one: test that."))
        return redirect(plan_url)
    if not ratelimit.consume(request, action="test_installation", user=signed_in(request)):
        messages.warning(request, _("We have just looked. Please wait a minute before testing again."))
        return redirect(plan_url)
    try:
        host = _host(request)
        inspect(
            certificate, by=signed_in(request), now=timezone.now(), address=client_address(request), host=host
        )
    except names.UnacceptableName as exc:
        messages.error(request, exc.message)
        return redirect(plan_url)
    except NotCovered:
        messages.error(request, _("This certificate is not for %(name)s.") % {"name": host})
        return redirect(plan_url)
    return redirect(f"{plan_url}#installation")


def _host(request: HttpRequest) -> str:
    """The name somebody typed, for a wildcard; "" when none was. Raises UnacceptableName."""
    typed = request.POST.get("host", "").strip()
    return names.parse(typed, allow_reserved=True, allow_ip=True).text if typed else ""
