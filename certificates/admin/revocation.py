"""Revocations in the admin: every one to be read; asked for from the certificate's page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.audited_admin import ReasonForm
from audit.admin_pages import ReadOnlyAdmin, as_json, link
from certificates.models import Revocation
from orders.models import Plan

STATES = (
    ("under_way", _("Under way")),
    ("refused", _("Refused")),
    ("done", _("Done")),
)


class OrderRevocationForm(ReasonForm):
    """`code` is what the CA is told (RFC 5280 §5.3.1), `reason` what the audit log keeps."""

    code = forms.TypedChoiceField(
        label=_("Reason told to the CA"),
        choices=Revocation.Reason.choices,
        coerce=lambda value: Revocation.Reason(int(value)),
        help_text=_("With a key that became known, all of the owner's certificates under this key go."),
    )
    field_order = ("code", "reason")


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return STATES

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "under_way":
            return queryset.filter(done_at__isnull=True, refused_at__isnull=True)
        if self.value() == "refused":
            return queryset.filter(done_at__isnull=True, refused_at__isnull=False)
        return queryset.filter(done_at__isnull=False) if self.value() == "done" else queryset


@admin.register(Revocation)
class RevocationAdmin(ReadOnlyAdmin):
    list_display = ("names_text", "standing", "told", "tries", "asked_at", "done_at", "reason")
    list_filter = (StateFilter, "reason", "by_certificate_key", "asked_at")
    list_select_related = ("certificate",)
    search_fields = ("^certificate__serial",)
    search_help_text = _("Serial number, order number, email address or domain name, from the beginning.")
    uuid_search = ("certificate_id", "certificate__plan_id")
    deferred = ("certificate__leaf_pem", "certificate__chain_pem")
    guarded = {"asked_by": ("accounts.view_user", "asked_by_email")}
    fields = (
        "certificate_link",
        "names_text",
        "standing",
        "reason",
        "asked_by",
        "asked_at",
        "done_at",
        "refused_at",
        "by_certificate_key",
        "due_at",
        "lease_until",
        "tries",
        "trouble",
    )

    def also_found(self, text: str) -> Q:
        return Q(certificate__plan__in=Plan.objects.found_keys(text))

    @admin.display(description=_("names"))
    def names_text(self, revocation: Revocation) -> str:
        return ", ".join(revocation.certificate.names)

    @admin.display(description=_("certificate"))
    def certificate_link(self, revocation: Revocation) -> SafeString | str:
        return link(revocation.certificate)

    @admin.display(description=_("state"))
    def standing(self, revocation: Revocation) -> str:
        if revocation.under_way:
            return _t("Under way")
        return _t("Refused") if revocation.refused else _t("Done")

    @admin.display(description=_("asked by"))
    def asked_by_email(self, revocation: Revocation) -> str:
        return revocation.asked_by.email if revocation.asked_by else "–"

    @admin.display(description=_("what the CA said"))
    def told(self, revocation: Revocation) -> str:
        problem = revocation.problem or {}
        return str(problem.get("detail") or problem.get("type") or "–")[:120]

    @admin.display(description=_("last problem"))
    def trouble(self, revocation: Revocation) -> SafeString | str:
        return as_json(revocation.problem)
