"""What the CA signed, and what the tests of its installation found, to be read."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit.admin_pages import ReadOnlyAdmin, as_json, list_of
from certificates.models import Certificate, Inspection
from orders.models import Plan


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin):
    list_display = ("names_text", "state", "serial", "owner", "not_before", "not_after", "installed_at")
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
        "inspection_list",
    )

    def also_found(self, text: str) -> Q:
        return Q(plan__in=Plan.objects.found(text).values("pk"))

    @admin.display(description=_("names"))
    def names_text(self, certificate: Certificate) -> str:
        return ", ".join(certificate.names)

    @admin.display(description=_("owner"))
    def owner_email(self, certificate: Certificate) -> str:
        return certificate.owner.email

    @admin.display(description=_("installation tests"))
    def inspection_list(self, certificate: Certificate) -> SafeString:
        return list_of(Inspection, _("Every test"), certificate__id__exact=certificate.pk)


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
