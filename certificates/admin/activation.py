"""How a plan was configured, to be read. A pasted CSR is not repeated here: its names are what matters."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.admin_pages import ReadOnlyAdmin, ReadOnlyInline
from certificates.models import Activation, ActivationName
from leases.keys import some
from orders.models import Plan


class NameInline(ReadOnlyInline):
    model = ActivationName
    fields = ("text", "method")


@admin.register(Activation)
class ActivationAdmin(ReadOnlyAdmin):
    list_display = (
        "plan",
        "common_name",
        "csr_source",
        "csr_done_at",
        "contacts_done_at",
        "methods_done_at",
        "finished_at",
    )
    list_filter = ("csr_source", "finished_at")
    list_select_related = ("plan__item__order", "plan__product")
    search_fields = ("^admin_email", "^tech_email")
    search_help_text = _("Order number, email address or domain name, from the beginning.")
    uuid_search = ("plan_id",)
    inlines = (NameInline,)
    deferred = ("csr_pem",)
    fields = (
        "plan",
        "csr_source",
        "key_type",
        "common_name",
        "organization",
        "locality",
        "region",
        "country",
        "csr_done_at",
        "admin_name",
        "admin_email",
        "admin_phone",
        "admin_organization",
        "tech_same",
        "tech_name",
        "tech_email",
        "tech_phone",
        "tech_organization",
        "contacts_done_at",
        "methods_done_at",
        "finished_at",
    )

    def also_found(self, text: str) -> Q:
        named = ActivationName.objects.filter(ascii__startswith=text.lower()).order_by("-pk")
        return Q(pk__in=some(named.values_list("activation_id"))) | Q(plan__in=Plan.objects.found_keys(text))
