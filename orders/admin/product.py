"""What is for sale, its prices, and the agreement one accepts."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from accounts.audited_admin import AuditedAdmin
from accounts.labelled_inline import LabelledInline
from orders.models import Agreement, Price, Product


class PriceInline(LabelledInline):
    model = Price
    fields = ("years", "currency", "amount", "extra_name_amount", "extra_wildcard_amount")


@admin.register(Product)
class ProductAdmin(AuditedAdmin):
    """Orders copy the price of their moment, so a price may be changed or deleted at any time."""

    list_display = (
        "title",
        "level",
        "wildcard",
        "names_included",
        "max_names",
        "shown",
        "on_sale",
        "position",
    )
    list_filter = ("level", "shown", "on_sale")
    search_fields = ("title", "slug")
    inlines = (PriceInline,)


@admin.register(Agreement)
class AgreementAdmin(AuditedAdmin):
    """A version that somebody may have accepted never changes: a new text is a new version."""

    list_display = ("version", "published_at")
    search_fields = ("version",)
    date_hierarchy = "published_at"
    fields = ("version", "text", "published_at")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
