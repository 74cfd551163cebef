"""Money in the admin: what the gateway reported, to be read."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit.admin_pages import ReadOnlyAdmin, ReadOnlyInline, link
from orders.models import GatewayEvent, Payment, Refund
from orders.money import shown


class RefundInline(ReadOnlyInline):
    model = Refund
    fields = ("created_at", "state", "sum", "reason", "asked_by", "problem")
    show_change_link = True

    @admin.display(description=_("amount"))
    def sum(self, refund: Refund) -> str:
        return shown(refund.amount, refund.payment.currency)


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    """The address of the payment page and the idempotency key are left out: both open something."""

    list_display = ("__str__", "state", "sum", "received", "created_at", "settled_at", "problem")
    list_filter = ("state", "created_at")
    list_select_related = ("order",)
    search_fields = ("=order__number", "=session_id", "=intent_id", "^order__purchaser_email")
    uuid_search = ("order_id",)
    inlines = (RefundInline,)
    fields = (
        "order",
        "attempt",
        "gateway",
        "state",
        "sum",
        "received",
        "session_id",
        "intent_id",
        "created_at",
        "expires_at",
        "settled_at",
        "due_at",
        "problem",
    )

    @admin.display(description=_("amount"), ordering="amount")
    def sum(self, payment: Payment) -> str:
        return shown(payment.amount, payment.currency)

    @admin.display(description=_("received"), ordering="received_amount")
    def received(self, payment: Payment) -> str:
        return shown(payment.received_amount, payment.currency)


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    """Refunds are asked for on the page of their order."""

    list_display = ("created_at", "order", "state", "sum", "reason", "asked_by", "problem")
    list_filter = ("state", "created_at")
    list_select_related = ("payment__order",)
    search_fields = ("=payment__order__number", "=gateway_id", "reason", "^asked_by")
    fields = (
        "order",
        "payment",
        "state",
        "sum",
        "reason",
        "asked_by",
        "gateway_id",
        "created_at",
        "due_at",
        "problem",
    )

    @admin.display(description=_("order"))
    def order(self, refund: Refund) -> SafeString | str:
        return link(refund.payment.order)

    @admin.display(description=_("amount"), ordering="amount")
    def sum(self, refund: Refund) -> str:
        return shown(refund.amount, refund.payment.currency)


@admin.register(GatewayEvent)
class GatewayEventAdmin(ReadOnlyAdmin):
    """What came of each event. The payload stays in the database: it holds what the customer told the gateway."""

    list_display = ("received_at", "kind", "id", "processed_at", "outcome", "tries")
    list_filter = ("received_at", "processed_at")
    search_fields = ("=id", "^kind", "outcome")
    fields = ("id", "gateway", "kind", "received_at", "processed_at", "outcome", "tries", "due_at")
