"""Downloads: a page that says what the file is, and a POST that gives it; with a key only to whoever just signed in."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts.addresses import client_address
from accounts.people import signed_in
from accounts.reauthentication import recent_sign_in_required
from audit.record import record
from audit.vocabulary import Action
from certificates import delivery, vault
from certificates.contents import parts_of
from certificates.exporters import new_password
from certificates.exporters.pfx import ENCRYPTIONS, UnacceptablePassword
from certificates.models import Certificate
from certificates.sealing import CannotUnseal


def certificate_of(request: HttpRequest, certificate_id: uuid.UUID) -> Certificate:
    """Return the person's own certificate; a stranger's does not exist."""
    rows = Certificate.objects.of(signed_in(request)).select_related("plan", "issuance__key", "revocation")
    return get_object_or_404(rows, pk=certificate_id)


@sensitive_post_parameters("password")
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
    if delivery.carries_key(exporter, certificate):
        return _with_key(request, certificate, slug)
    return _answer(request, certificate, slug)


# The import password stays out of the session: after signing in again a new one is made.
@recent_sign_in_required(forget=("password",))
def _with_key(request: HttpRequest, certificate: Certificate, slug: str) -> HttpResponse:
    return _answer(request, certificate, slug)


def _answer(request: HttpRequest, certificate: Certificate, slug: str) -> HttpResponse:
    if request.method == "POST":
        return _give(request, certificate, slug)
    return _page(request, certificate, slug)


def _page(
    request: HttpRequest, certificate: Certificate, slug: str, *, problem: str = "", status: int = 200
) -> HttpResponse:
    exporter = delivery.exporter_for(certificate, slug)
    with_key = delivery.carries_key(exporter, certificate)
    context = {
        "certificate": certificate,
        "plan": certificate.plan,
        "format": exporter,
        "with_key": with_key,
        "pasted": certificate.issuance.key is None,
        "parts": parts_of(certificate, slug, with_key=with_key),
        "password": new_password() if "password" in exporter.options else "",
        "encryptions": ENCRYPTIONS if "encryption" in exporter.options else {},
        "encryption": request.POST.get("encryption", "modern"),
        "problem": problem,
        "now": timezone.now(),
    }
    return render(request, "certificates/download.html", context, status=status)


@sensitive_variables("options")
def _give(request: HttpRequest, certificate: Certificate, slug: str) -> HttpResponse:
    exporter = delivery.exporter_for(certificate, slug)
    options = {name: request.POST[name] for name in exporter.options if name in request.POST}
    if "password" in exporter.options and "password" not in options:
        problem = _(
            "This is a new import password: the one you saw before was forgotten. Press Download again."
        )
        return _page(request, certificate, slug, problem=problem)
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
        return _page(request, certificate, slug, problem=str(exc), status=400)
    except vault.KeyDestroyed as exc:
        raise Http404 from exc
    except CannotUnseal:
        messages.error(request, _("The private key could not be opened just now. Please tell our support."))
        return redirect("overview", certificate.plan_id)
    except TypeError as exc:
        raise BadRequest from exc
    response = HttpResponse(file.content, content_type=file.content_type)
    response["Content-Disposition"] = f'attachment; filename="{file.filename}"'
    return response


@login_required
@require_POST
@recent_sign_in_required()
def destroy_key(request: HttpRequest, certificate_id: uuid.UUID) -> HttpResponse:
    """Forget the private key for good, on its owner's word."""
    certificate = certificate_of(request, certificate_id)
    key, now = certificate.issuance.key, timezone.now()
    if key is None or request.POST.get("sure") != "yes":
        messages.error(request, _("Nothing was destroyed: tick the box to confirm."))
        return redirect("overview", certificate.plan_id)
    with transaction.atomic():
        destroyed = key.destroy(now)
        if destroyed:
            record(
                Action.KEY_DESTROYED,
                key,
                now=now,
                by=signed_in(request),
                address=client_address(request),
                plan_id=certificate.plan_id,
                certificate=str(certificate.pk),
            )
    if destroyed:
        messages.success(
            request,
            _("The private key is gone for good. The certificate stays valid where you installed it."),
        )
    else:
        messages.info(request, _("This private key had been destroyed before."))
    return redirect("overview", certificate.plan_id)
