"""What the CA signed, and what the tests of its installation found, to be read."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.addresses import client_address
from accounts.audited_admin import AuditedAdmin
from accounts.people import signed_in
from audit.admin_pages import ReadOnlyAdmin, as_json, few, link, list_of, page_of, shortened
from certificates import revocation
from certificates.admin.revocation import OrderRevocationForm
from certificates.models import Certificate, Inspection
from orders.models import Plan


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin, AuditedAdmin):
    """Read-only; an operator may have one revoked, on a page that asks why."""

    change_form_template = "admin/certificates/certificate/change_form.html"
    list_display = ("names_few", "state", "serial_short", "owner", "not_after", "installed_at")
    list_filter = ("state", "issued_at")
    list_select_related = ("owner",)
    search_fields = ("^serial", "^fingerprint")
    search_help_text = _(
        "Serial number, fingerprint, order number, e-mail address or domain name, from the beginning."
    )
    uuid_search = ("pk", "plan_id", "issuance_id", "owner_id")
    # The PEM is most of a row: not fetched for pages that do not show it.
    deferred = ("leaf_pem", "chain_pem")
    guarded = {"owner": ("accounts.view_user", "owner_email")}
    fields = (
        "names_text",
        "state",
        "plan",
        "issuance",
        "owner",
        "serial",
        "issuer",
        "fingerprint",
        "spki_sha256",
        "not_before",
        "not_after",
        "issued_at",
        "installed_at",
        "revoked_at",
        "revocation_link",
        "inspection_list",
    )

    def also_found(self, text: str) -> Q:
        return Q(plan__in=Plan.objects.found_keys(text))

    @admin.display(description=_("names"))
    def names_text(self, certificate: Certificate) -> str:
        return ", ".join(certificate.names)

    @admin.display(description=_("names"), ordering="names")
    def names_few(self, certificate: Certificate) -> str:
        return few(certificate.names)

    @admin.display(description=_("serial number"), ordering="serial")
    def serial_short(self, certificate: Certificate) -> str:
        return shortened(certificate.serial)

    @admin.display(description=_("owner"))
    def owner_email(self, certificate: Certificate) -> str:
        return certificate.owner.email

    @admin.display(description=_("installation tests"))
    def inspection_list(self, certificate: Certificate) -> SafeString:
        return list_of(Inspection, _("Every test"), certificate__id__exact=certificate.pk)

    @admin.display(description=_("revocation"))
    def revocation_link(self, certificate: Certificate) -> SafeString | str:
        return link(getattr(certificate, "revocation", None))

    def get_urls(self) -> list[URLPattern]:
        revoke = self.admin_site.admin_view(self.revoke_view)
        return [
            path("<uuid:certificate_id>/revoke/", revoke, name="certificates_certificate_revoke"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        may = request.user.has_perm("certificates.add_revocation") and row is not None and _may_go(row)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "may_revoke": may})

    def revoke_view(self, request: HttpRequest, certificate_id: uuid.UUID) -> HttpResponse:
        """Ask for the reason, then put the certificate into the queue of revocations."""
        if not request.user.has_perm("certificates.add_revocation"):
            raise PermissionDenied
        certificate = Certificate.objects.select_related("owner").filter(pk=certificate_id).first()
        if certificate is None:
            raise Http404
        form = OrderRevocationForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._ask_why(request, certificate, form)
        try:
            revocation.request(
                certificate,
                form.cleaned_data["code"],
                by=signed_in(request),
                now=timezone.now(),
                address=client_address(request),
                note=form.cleaned_data["reason"],
            )
        except revocation.NotPossible as exc:
            messages.warning(request, str(exc))
        else:
            messages.success(
                request, _t("The CA is asked to revoke it; its owner is told when that is done.")
            )
        return redirect(page_of(certificate))

    def _ask_why(
        self, request: HttpRequest, certificate: Certificate, form: OrderRevocationForm
    ) -> HttpResponse:
        facts = [
            (_t("Names"), ", ".join(certificate.names)),
            (_t("Serial number"), certificate.serial),
            (_t("Owner"), certificate.owner.email),
            (_t("Valid until"), f"{certificate.not_after:%Y-%m-%d %H:%M} UTC"),
        ]
        return self.ask(
            request,
            certificate,
            form,
            title=_t("Revoke this certificate"),
            submit=_t("Revoke"),
            tone="danger",
            facts=facts,
            lead=_t(
                "Browsers will warn every visitor of a site that still uses it, and this cannot be undone. "
                "Revoke without the owner's word only where the rules demand it."
            ),
        )


def _may_go(certificate: Certificate) -> bool:
    asked = getattr(certificate, "revocation", None)
    return revocation.revocable(certificate, timezone.now()) and (asked is None or not asked.under_way)


@admin.register(Inspection)
class InspectionAdmin(ReadOnlyAdmin):
    list_display = ("at", "name", "port", "address", "slug", "ok")
    list_filter = ("ok", "at")
    search_fields = ("^name",)
    uuid_search = ("certificate_id",)
    fields = ("certificate", "name", "port", "address", "at", "slug", "ok", "seen_json")

    @admin.display(description=_("seen"))
    def seen_json(self, inspection: Inspection) -> SafeString | str:
        return as_json(inspection.seen)
