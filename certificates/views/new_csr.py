"""The page on which a plan that has had a certificate gets its next one under a new key."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts.addresses import client_address
from accounts.people import signed_in
from certificates.activation.burnt import without_private_keys
from certificates.activation.forms.fields import CsrText
from certificates.compromised import needs_new_csr
from certificates.csr import CsrReport, against
from certificates.csr_problems import UnacceptableCSR
from certificates.issuance import NotReady
from certificates.models import Activation
from certificates.plan_csr import read_for
from certificates.rekeying import rekey
from certificates.standing import in_force, may_reissue, newest_certificate
from certificates.views.plan import plan_of
from identifiers.names import Name


class NewCsrForm(forms.Form):
    """A CSR for exactly the plan's names. `burnt` tells where a private key was taken out; `report` is set when valid."""

    csr = CsrText(label=gettext_lazy("Your new CSR"))

    def __init__(
        self, data: Any = None, *, activation: Activation, burnt: dict[str, str] | None = None
    ) -> None:
        super().__init__(data)
        self.activation, self.burnt = activation, burnt or {}
        self.report: CsrReport | None = None

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "csr" in self.burnt:
            self.errors.pop("csr", None)
            self.add_error("csr", self.burnt["csr"])
        if "csr" in self.errors:
            return cleaned
        try:
            report = read_for(self.activation.plan, cleaned["csr"])
        except UnacceptableCSR as refused:
            problems = list(refused.problems)
        else:
            names = [Name(row.ascii, row.wildcard) for row in self.activation.names.all()]
            problems, self.report = against(report, names), report
        for problem in problems:
            self.add_error("csr", ValidationError(problem.message, code=problem.slug))
        return cleaned


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def new_csr(request: HttpRequest, plan_id: uuid.UUID) -> HttpResponse:
    """GET asks; POST with `make` lets us make the key, without it takes the CSR that was pasted."""
    found, now = plan_of(request, plan_id), timezone.now()
    if not may_reissue(found, now):
        messages.error(request, _("This plan cannot yield another certificate now."))
        return redirect("overview", found.pk)
    typed, burnt = without_private_keys(request.POST)
    making = request.method == "POST" and "make" in request.POST
    data = typed if request.method == "POST" and not making else None
    form = NewCsrForm(data, activation=found.activation, burnt=burnt)
    if not making and not form.is_valid():
        newest = newest_certificate(found)
        context = {"plan": found, "form": form, "newest": newest, "now": now}
        context["needed"] = needs_new_csr(found.activation, newest)
        return render(request, "certificates/new_csr.html", context, status=422 if form.is_bound else 200)
    try:
        rekey(
            found,
            None if making else form.report,
            by=signed_in(request),
            now=now,
            address=client_address(request),
            replaces=in_force(found, now),
        )
    except NotReady as exc:
        messages.error(request, str(exc))
        return redirect("overview", found.pk)
    messages.success(request, _("Requested."))
    return redirect("activation-approve", found.pk)
