"""SSL Overview: all plans of a person, and one plan with everything its owner may do."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.addresses import client_address
from accounts.people import signed_in
from certificates import issuance as wishes
from certificates.delivery import formats_for, holds_key, key_held
from certificates.installation import verdict_of
from certificates.models import Certificate, Inspection, Issuance
from certificates.standing import names_of, standing_of, wanted_issuance, with_standing
from orders.models import Order, Plan

PER_PAGE = 25


@login_required
@require_GET
def plans(request: HttpRequest) -> HttpResponse:
    """Every plan of the person, newest first, and what still has to be paid."""
    user, now = signed_in(request), timezone.now()
    page = Paginator(with_standing(Plan.objects.of(user)), PER_PAGE).get_page(request.GET.get("page"))
    rows = [{"plan": plan, "names": names_of(plan), "standing": standing_of(plan, now)} for plan in page]
    unpaid = Order.objects.of(user).filter(state=Order.State.AWAITING_PAYMENT).with_lines()[:10]
    return render(request, "certificates/plans.html", {"page": page, "rows": rows, "unpaid": unpaid, "now": now})


def plan_of(request: HttpRequest, plan_id: uuid.UUID) -> Plan:
    """Return the person's own plan with its standing fetched. A stranger's plan does not exist."""
    plan = with_standing(Plan.objects.of(signed_in(request))).filter(pk=plan_id).first()
    if plan is None:
        raise Http404
    return plan


@login_required
@require_GET
@never_cache
def plan(request: HttpRequest, plan_id: uuid.UUID) -> HttpResponse:
    """One plan: its standing in one sentence, its certificates, downloads, key and installation."""
    found, now = plan_of(request, plan_id), timezone.now()
    certificates = list(
        found.certificates.order_by("-issued_at").select_related("issuance__key").prefetch_related(
            Prefetch("inspections", Inspection.objects.order_by("-pk"), to_attr="tests")
        )
    )
    current = next((row for row in certificates if row.state == Certificate.State.VALID), None)
    standing = standing_of(found, now)
    context: dict[str, Any] = {
        "plan": found,
        "names": names_of(found),
        "standing": standing,
        "running": wanted_issuance(found),
        "certificates": certificates,
        "current": current,
        "now": now,
        "may_reissue": current is not None and wanted_issuance(found) is None and found.state == Plan.State.ACTIVE,
    }
    if current is not None:
        current.issuance.plan = found
        context |= {
            "formats": [(row, holds_key(row, current)) for row in formats_for(current)],
            "key_held": key_held(current),
            "tests": _latest_tests(current),
        }
    return render(request, "certificates/plan.html", context)


def _latest_tests(certificate: Certificate) -> list[tuple[Inspection, Any]]:
    tests: list[Inspection] = getattr(certificate, "tests", [])
    latest = [row for row in tests if row.at == tests[0].at] if tests else []
    return [(row, verdict_of(row)) for row in reversed(latest)]


@login_required
@require_POST
def reissue(request: HttpRequest, plan_id: uuid.UUID) -> HttpResponse:
    """Ask for the next certificate of the plan: same names, same CSR source; a key made by us is made anew."""
    found, now = plan_of(request, plan_id), timezone.now()
    if found.state != Plan.State.ACTIVE or not found.certificates.all():
        messages.error(request, _("There is no certificate to reissue yet."))
        return redirect("overview", found.pk)
    with transaction.atomic():
        pasted = found.activation.csr_source == "pasted"
        kind = Issuance.Kind.REISSUE if pasted else Issuance.Kind.REKEY
        try:
            wishes.request(found, by=signed_in(request), now=now, kind=kind, address=client_address(request))
        except wishes.NotReady as exc:
            messages.error(request, str(exc))
            return redirect("overview", found.pk)
    messages.success(request, _("Requested. The certificate you have now stays valid meanwhile."))
    return redirect("activation-approve", found.pk)


