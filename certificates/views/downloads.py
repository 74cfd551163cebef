"""Downloads: a page that says what the file is, and a POST that gives it; with a key only to whoever just signed in again."""

from __future__ import annotations

import uuid

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.addresses import client_address
from accounts.people import signed_in
from audit.record import record
from audit.vocabulary import Action
from certificates import delivery, vault
from certificates.exporters.pfx import UnacceptablePassword, new_password
from certificates.models import Certificate
from certificates.sealing import CannotUnseal


def certificate_of(request: HttpRequest, certificate_id: uuid.UUID) -> Certificate:
    """Return the person's own certificate; a stranger's does not exist."""
    rows = Certificate.objects.of(signed_in(request)).select_related("plan", "issuance__key")
    return get_object_or_404(rows, pk=certificate_id)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def download(request: HttpRequest, certificate_id: uuid.UUID, slug: str) -> HttpResponse:
    """GET says what is in the file; POST gives it. `no-store` on both: a page may show an import password."""
    certificate = certificate_of(request, certificate_id)
    try:
        exporter = delivery.exporter_for(certificate, slug)
    except delivery.NoSuchFormat as exc:
        raise Http404 from exc
    with_key = delivery.holds_key(exporter, certificate)
    if with_key:
        return _with_key(request, certificate, slug)
    return _answer(request, certificate, slug, with_key=False)


@reauthentication_required
def _with_key(request: HttpRequest, certificate: Certificate, slug: str) -> HttpResponse:
    return _answer(request, certificate, slug, with_key=True)


def _answer(request: HttpRequest, certificate: Certificate, slug: str, *, with_key: bool) -> HttpResponse:
    if request.method == "POST":
        return _give(request, certificate, slug)
    return _page(request, certificate, slug, with_key)


def _page(
    request: HttpRequest, certificate: Certificate, slug: str, with_key: bool, problem: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "certificate": certificate,
        "plan": certificate.plan,
        "format": delivery.exporter_for(certificate, slug),
        "with_key": with_key,
        "password": new_password() if slug == "pfx" else "",
        "problem": problem,
    }
    return _not_stored(render(request, "certificates/download.html", context, status=status))


def _give(request: HttpRequest, certificate: Certificate, slug: str) -> HttpResponse:
    options = {name: request.POST[name] for name in ("password", "encryption") if name in request.POST and slug == "pfx"}
    try:
        file = delivery.deliver(
            certificate,
            slug,
            by=signed_in(request),
            now=timezone.now(),
            address=client_address(request),
            **options,
        )
    except UnacceptablePassword as exc:
        return _page(request, certificate, slug, with_key=True, problem=str(exc), status=400)
    except vault.KeyDestroyed:
        messages.error(request, _("The private key was destroyed, so this format can no longer be made."))
        return redirect("overview", certificate.plan_id)
    except CannotUnseal:
        messages.error(request, _("The private key could not be opened just now. Our staff have been told."))
        return redirect("overview", certificate.plan_id)
    except TypeError as exc:
        raise BadRequest from exc
    response = HttpResponse(file.content, content_type=file.content_type)
    response["Content-Disposition"] = f'attachment; filename="{file.filename}"'
    return _not_stored(response)


def _not_stored(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store, private"
    return response


@login_required
@require_POST
@reauthentication_required
def destroy_key(request: HttpRequest, certificate_id: uuid.UUID) -> HttpResponse:
    """Forget the private key for good, on its owner's word."""
    certificate = certificate_of(request, certificate_id)
    key, now = certificate.issuance.key, timezone.now()
    if key is not None and request.POST.get("sure") == "yes":
        if key.destroy(now):
            record(
                Action.KEY_DESTROYED,
                key,
                now=now,
                by=signed_in(request),
                address=client_address(request),
                plan_id=certificate.plan_id,
            )
            messages.success(request, _("The private key is gone for good. The certificate stays valid where you installed it."))
    else:
        messages.error(request, _("Nothing was destroyed: tick the box to confirm."))
    return redirect("overview", certificate.plan_id)
