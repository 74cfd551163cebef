"""An order in the admin: what was put in the basket, where its money stands, and giving it back."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.audited_admin import AuditedAdmin
from accounts.people import signed_in
from accounts.reauthentication import recent_sign_in_required
from audit.admin_pages import ReadOnlyAdmin, ReadOnlyInline, link, page_of
from leases.keys import some
from orders.admin.refund_form import RefundForm
from orders.models import Order, OrderItem, OrderName, Payment
from orders.money import shown
from orders.refunds import NotRefundable, refund


class ItemInline(ReadOnlyInline):
    model = OrderItem
    fields = ("title", "years", "sum", "texts", "plan_link")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderItem]:
        rows = super().get_queryset(request)
        return rows.select_related("product", "order", "plan__item__order", "plan__product").prefetch_related(
            "names"
        )

    @admin.display(description=_("product"))
    def title(self, item: OrderItem) -> str:
        return item.product.title

    @admin.display(description=_("amount"))
    def sum(self, item: OrderItem) -> str:
        return shown(item.amount, item.order.currency)

    @admin.display(description=_("names"))
    def texts(self, item: OrderItem) -> str:
        return ", ".join(name.text for name in item.names.all())

    @admin.display(description=_("plan"))
    def plan_link(self, item: OrderItem) -> SafeString | str:
        plan = getattr(item, "plan", None)
        return link(plan, plan.get_state_display() if plan else None)


class PaymentInline(ReadOnlyInline):
    model = Payment
    fields = ("attempt", "gateway", "state", "sum", "received", "created_at", "settled_at", "problem")
    show_change_link = True

    @admin.display(description=_("amount"))
    def sum(self, payment: Payment) -> str:
        return shown(payment.amount, payment.currency)

    @admin.display(description=_("received"))
    def received(self, payment: Payment) -> str:
        return shown(payment.received_amount, payment.currency)


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin, AuditedAdmin):
    list_display = ("number", "state", "purchaser_email", "sum", "created_at", "paid_at")
    list_filter = ("state", "created_at")
    search_fields = ("^number", "^purchaser_email", "^owner__email")
    search_help_text = _("Order number, email address or domain name, from the beginning.")
    uuid_search = ("pk", "owner_id")
    guarded = {"owner": ("accounts.view_user", "owner_email")}
    inlines = (ItemInline, PaymentInline)
    change_form_template = "admin/orders/order/change_form.html"
    fieldsets = (
        (None, {"fields": ("number", "state", "owner", "sum", "created_at", "paid_at")}),
        (
            _("Purchaser"),
            {
                "fields": (
                    "purchaser_name",
                    "purchaser_email",
                    "purchaser_company",
                    "purchaser_phone",
                    "purchaser_street",
                    "purchaser_city",
                    "purchaser_postcode",
                    "purchaser_country",
                    "purchaser_vat",
                )
            },
        ),
        (
            _("Agreement"),
            {"fields": ("agreement_version", "agreement_accepted_at", "agreement_accepted_from")},
        ),
    )

    def also_found(self, text: str) -> Q:
        return Q(pk__in=some(OrderName.objects.begun(text).order_by("-pk").values_list("item__order_id")))

    @admin.display(description=_("total"), ordering="total")
    def sum(self, order: Order) -> str:
        return shown(order.total, order.currency)

    @admin.display(description=_("owner"))
    def owner_email(self, order: Order) -> str:
        return order.owner.email if order.owner else "–"

    @admin.display(description=_("accepted version"))
    def agreement_version(self, order: Order) -> str:
        return order.agreement.version if order.agreement else "–"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.refund_view)
        return [path("<uuid:order_id>/refund/", view, name="orders_order_refund"), *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        order = context.get("original")
        context["may_refund"] = bool(
            order and request.user.has_perm("orders.add_refund") and RefundForm.refundable(order)
        )
        return super().render_change_form(request, context, *args, **kwargs)

    def refund_view(self, request: HttpRequest, order_id: Any) -> HttpResponse:
        """Ask how much and why, then hand it to the process that gives money back. Needs a recent sign-in."""
        if not request.user.has_perm("orders.add_refund"):
            raise PermissionDenied
        return recent_sign_in_required()(self._refund)(request, order_id)

    def _refund(self, request: HttpRequest, order_id: Any) -> HttpResponse:
        order = Order.objects.filter(pk=order_id).first()
        if order is None:
            raise Http404
        form = RefundForm(order, request.POST if request.method == "POST" else None)
        if not form.choices:
            messages.warning(request, _t("There is no money of this order that could be given back."))
            return redirect(page_of(order))
        if not form.is_valid():
            return self._ask(request, order, form)
        wanted = form.wanted()
        try:
            refund(wanted.payment, wanted.amount, wanted.reason, by=signed_in(request), now=timezone.now())
        except NotRefundable:
            # Somebody else was quicker: what is left is less than this form was checked against.
            messages.error(request, _t("There is not that much left to give back; please look again."))
            return redirect(page_of(order))
        messages.success(
            request,
            _t("%(sum)s will be given back; the gateway is asked now.")
            % {"sum": shown(wanted.amount, wanted.payment.currency)},
        )
        return redirect(page_of(order))

    def _ask(self, request: HttpRequest, order: Order, form: RefundForm) -> HttpResponse:
        return self.ask(
            request,
            order,
            form,
            title=_t("Refund order %(number)s") % {"number": order.number},
            submit=_t("Refund"),
            tone="danger",
            lead=_t("The money goes back the way it came. A full refund ends the plans of this order."),
            facts=[
                (_t("Total"), shown(order.total, order.currency)),
                (_t("State"), order.get_state_display()),
            ],
        )
