"""The page on which an owner has a certificate revoked, and sees how far that is."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from accounts.addresses import client_address
from accounts.people import signed_in
from accounts.reauthentication import recent_sign_in_required
from certificates.models import Certificate, Revocation
from certificates.next_step import next_step
from certificates.revocation import NotPossible, issuing_account, request, revocable, same_key
from certificates.revocation.form import RevokeForm
from certificates.revocation.words import why_refused
from certificates.standing import may_reissue, newest_certificate, standing_of, with_standing
from orders.models import Plan


def certificate_of(asked: HttpRequest, certificate_id: uuid.UUID) -> Certificate:
    """Return the person's own certificate; a stranger's does not exist."""
    rows = Certificate.objects.of(signed_in(asked)).select_related(
        "plan__product", "issuance__key", "revocation", "account"
    )
    return get_object_or_404(rows.defer("issuance__csr", "issuance__key__sealed"), pk=certificate_id)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(asked: HttpRequest, certificate_id: uuid.UUID) -> HttpResponse:
    """GET asks or tells, POST has it revoked. What is over or under way is only told."""
    certificate, now = certificate_of(asked, certificate_id), timezone.now()
    revocation = revocation_of(certificate)
    running = revocation is not None and revocation.under_way
    if running or not revocable(certificate, now):
        return _told(asked, certificate, now)
    return _ask(asked, certificate)


def revocation_of(certificate: Certificate) -> Revocation | None:
    return getattr(certificate, "revocation", None)


def _told(asked: HttpRequest, certificate: Certificate, now: datetime) -> HttpResponse:
    if asked.method == "POST":
        return redirect("revoke", certificate.pk)
    return render(asked, "certificates/revoke.html", _context(certificate, now))


@recent_sign_in_required()
def _ask(asked: HttpRequest, certificate: Certificate) -> HttpResponse:
    now = timezone.now()
    form = RevokeForm(asked.POST if asked.method == "POST" else None, certificate=certificate)
    if asked.method != "POST" or not form.is_valid():
        context = _context(certificate, now) | {"form": form, "same_key": same_key(certificate, now)}
        return render(asked, "certificates/revoke.html", context, status=422 if form.is_bound else 200)
    try:
        request(
            certificate,
            form.cleaned_data["reason"],
            by=signed_in(asked),
            now=now,
            address=client_address(asked),
        )
    except NotPossible as exc:
        messages.error(asked, str(exc))
        return redirect("overview", certificate.plan_id)
    return redirect("revoke", certificate.pk)


@login_required
@never_cache
@require_GET
def live(asked: HttpRequest, certificate_id: uuid.UUID) -> HttpResponse:
    """How far it is, as often as the page asks: 204 while nothing changed, a new page once it has ended."""
    context = _context(certificate_of(asked, certificate_id), timezone.now())
    if asked.GET.get("state") == context["state"]:
        return HttpResponse(status=204)
    revocation = context["revocation"]
    if not isinstance(revocation, Revocation) or not revocation.under_way:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(asked, "certificates/revoke_live.html", context)


def _context(certificate: Certificate, now: datetime) -> dict[str, object]:
    plan = with_standing(Plan.objects.filter(pk=certificate.plan_id)).get()
    revocation, newest = revocation_of(certificate), newest_certificate(plan)
    account = issuing_account(certificate)
    key = certificate.issuance.key
    return {
        "certificate": certificate,
        "plan": plan,
        "revocation": revocation,
        "action": next_step(plan, standing_of(plan, now), now),
        "may_reissue": may_reissue(plan, now),
        "newest": newest is not None and newest.pk == certificate.pk,
        "expired": certificate.not_after <= now,
        "why": why_refused(revocation) if revocation is not None else "",
        "state": "none" if revocation is None else f"{revocation.under_way}-{revocation.tries}",
        # Whoever holds the key can have it revoked without us (RFC 8555 §7.6).
        "own_key": key is None or key.state != key.State.HELD,
        "directory_url": account.directory_url if account is not None else "",
        "now": now,
    }
