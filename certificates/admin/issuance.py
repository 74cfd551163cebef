"""Issuances and their orders at the CA, to be read. CSR and key stay where they are."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from audit.admin_pages import ReadOnlyAdmin, ReadOnlyInline, as_json, few, link, links
from certificates.admin.ca_filter import CaFilter
from certificates.models import AcmeOrder, Issuance
from orders.models import Plan


class AcmeOrderInline(ReadOnlyInline):
    model = AcmeOrder
    fields = ("attempt", "ca", "status", "waiting_for", "created_at", "ended_at", "due_at", "tries", "asked")
    show_change_link = True

    @admin.display(description=_("CA account"))
    def ca(self, order: AcmeOrder) -> str:
        return order.account.name

    @admin.display(description=_("requests"))
    def asked(self, order: AcmeOrder) -> str:
        return requests_of(order)


def requests_of(order: AcmeOrder) -> str:
    """Return what the order has cost its CA, beside what it must cost at least."""
    return _t("%(count)d, least %(least)d") % {"count": order.requests, "least": order.least_requests}


def requests_of_all(issuance: Issuance) -> str:
    """Return what the certificate has cost in all its tries, beside what it must cost at least where it was tried last."""
    tries = list(issuance.acme_orders.select_related("account").order_by("attempt"))
    if not tries:
        return "–"
    tries[-1].issuance = issuance
    values = {"count": sum(order.requests for order in tries), "least": tries[-1].least_requests}
    text = ngettext(
        "%(count)d in one order, least %(least)d",
        "%(count)d in %(tries)d orders, least %(least)d",
        len(tries),
    )
    return text % (values | {"tries": len(tries)})


@admin.register(Issuance)
class IssuanceAdmin(ReadOnlyAdmin):
    list_display = ("short", "plan", "kind", "state", "names_few", "created_at", "ended_at")
    list_filter = ("state", "kind", "created_at")
    list_select_related = ("plan__item__order", "plan__product")
    search_fields = ("=key_type",)
    search_help_text = _("Order number, email address or domain name, from the beginning.")
    uuid_search = ("pk", "plan_id")
    deferred = ("csr",)
    guarded = {"requested_by": ("accounts.view_user", "requested_by_email")}
    inlines = (AcmeOrderInline,)
    fields = (
        "plan",
        "kind",
        "state",
        "names_text",
        "key_type",
        "requested_by",
        "replaces",
        "campaign",
        "created_at",
        "ended_at",
        "certificate_link",
        "asked",
        "trouble",
    )

    def also_found(self, text: str) -> Q:
        return Q(plan__in=Plan.objects.found_keys(text))

    @admin.display(description=_("issuance"))
    def short(self, issuance: Issuance) -> str:
        return str(issuance)

    @admin.display(description=_("names"))
    def names_text(self, issuance: Issuance) -> str:
        return ", ".join(issuance.texts)

    @admin.display(description=_("names"))
    def names_few(self, issuance: Issuance) -> str:
        return few(issuance.texts)

    @admin.display(description=_("requested by"))
    def requested_by_email(self, issuance: Issuance) -> str:
        return issuance.requested_by.email if issuance.requested_by else "–"

    @admin.display(description=_("requests"))
    def asked(self, issuance: Issuance) -> str:
        return requests_of_all(issuance)

    @admin.display(description=_("certificate"))
    def certificate_link(self, issuance: Issuance) -> SafeString | str:
        return link(getattr(issuance, "certificate", None))

    @admin.display(description=_("problem"))
    def trouble(self, issuance: Issuance) -> SafeString | str:
        return as_json(issuance.problem)


@admin.register(AcmeOrder)
class AcmeOrderAdmin(ReadOnlyAdmin):
    list_display = (
        "short",
        "account",
        "status",
        "waiting_for",
        "created_at",
        "due_at",
        "tries",
        "asked",
    )
    list_filter = ("status", "waiting_for", CaFilter, "created_at")
    list_select_related = ("account", "issuance")
    search_fields = ("=url",)
    search_help_text = _("URL in full; order number, email address or domain name from the beginning.")
    uuid_search = ("issuance_id", "issuance__plan_id")
    deferred = ("issuance__csr",)
    guarded = {"account": ("certificates.view_caaccount", "account_name")}
    fields = (
        "issuance",
        "account",
        "attempt",
        "url",
        "status",
        "waiting_for",
        "profile",
        "authorization_links",
        "created_at",
        "intent_at",
        "answered_at",
        "finalizing_at",
        "ended_at",
        "expires_at",
        "due_at",
        "lease_until",
        "tries",
        "asked",
        "trouble",
    )

    def also_found(self, text: str) -> Q:
        return Q(issuance__plan__in=Plan.objects.found_keys(text))

    @admin.display(description=_("ACME order"), ordering="issuance_id")
    def short(self, order: AcmeOrder) -> str:
        return f"{str(order.issuance_id)[:8]} #{order.attempt}"

    @admin.display(description=_("CA account"))
    def account_name(self, order: AcmeOrder) -> str:
        return order.account.name

    @admin.display(description=_("requests"), ordering="requests")
    def asked(self, order: AcmeOrder) -> str:
        return requests_of(order)

    @admin.display(description=_("authorizations"))
    def authorization_links(self, order: AcmeOrder) -> SafeString | str:
        return links(order.authorizations.all())

    @admin.display(description=_("last problem"))
    def trouble(self, order: AcmeOrder) -> SafeString | str:
        return as_json(order.problem)
