"""A plan in the admin: where its certificates are, and the few things an operator may change."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.addresses import client_address
from accounts.audited_admin import ChangeOnlyAdmin, ReasonForm
from accounts.people import signed_in
from audit.admin_pages import link, links, page_of
from audit.record import record
from audit.vocabulary import Action
from orders.models import Plan


@admin.register(Plan)
class PlanAdmin(ChangeOnlyAdmin):
    """An operator may grant more time, suspend and resume; all else follows from the order."""

    list_display = ("__str__", "state", "owner", "years", "starts_at", "ends_at")
    list_filter = ("state", "starts_at", "ends_at")
    list_select_related = ("item__order", "product", "owner")
    search_fields = ("=state",)
    search_help_text = _("Order number, email address or domain name, from the beginning.")
    uuid_search = ("pk", "owner_id")
    guarded = {"owner": ("accounts.view_user", "owner_email")}
    change_form_template = "admin/orders/plan/change_form.html"
    fields = (
        "order_link",
        "owner",
        "product_title",
        "state",
        "names",
        "single_names",
        "wildcard_names",
        "years",
        "starts_at",
        "ends_at",
        "activation_link",
        "issuance_links",
        "certificate_links",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return [name for name in self.get_fields(request, obj) if name != "ends_at"]

    def also_found(self, text: str) -> Q:
        return Q(pk__in=Plan.objects.found_keys(text))

    def remember(self, request: HttpRequest, row: Model, **details: Any) -> None:
        if isinstance(row, Plan):
            details |= {"plan_id": row.pk, "order_id": row.item.order_id}
        super().remember(request, row, **details)

    @admin.display(description=_("order"))
    def order_link(self, plan: Plan) -> SafeString | str:
        return link(plan.item.order)

    @admin.display(description=_("owner"))
    def owner_email(self, plan: Plan) -> str:
        return plan.owner.email

    @admin.display(description=_("product"))
    def product_title(self, plan: Plan) -> str:
        return plan.product.title

    @admin.display(description=_("names bought"))
    def names(self, plan: Plan) -> str:
        return ", ".join(name.text for name in plan.item.names.all())

    @admin.display(description=_("activation"))
    def activation_link(self, plan: Plan) -> SafeString | str:
        return link(getattr(plan, "activation", None))

    @admin.display(description=_("issuances"))
    def issuance_links(self, plan: Plan) -> SafeString | str:
        return links(plan.issuances.all())  # the registry's name for its rows of a plan

    @admin.display(description=_("certificates"))
    def certificate_links(self, plan: Plan) -> SafeString | str:
        return links(plan.certificates.all())

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:plan_id>/suspend/", wrap(self.suspend_view), name="orders_plan_suspend"),
            path("<uuid:plan_id>/resume/", wrap(self.resume_view), name="orders_plan_resume"),
            *super().get_urls(),
        ]

    def suspend_view(self, request: HttpRequest, plan_id: Any) -> HttpResponse:
        return self._move(
            request,
            self._plan(request, plan_id),
            verb=lambda plans: plans.suspend(),
            action=Action.PLAN_SUSPENDED,
            title=_t("Suspend this plan"),
            submit=_t("Suspend"),
            lead=_t("Nothing is issued for a suspended plan. Certificates that were issued go on working."),
            done=_t("The plan is suspended."),
        )

    def resume_view(self, request: HttpRequest, plan_id: Any) -> HttpResponse:
        return self._move(
            request,
            self._plan(request, plan_id),
            verb=lambda plans: plans.resume(),
            action=Action.PLAN_RESUMED,
            title=_t("Resume this plan"),
            submit=_t("Resume"),
            lead=_t("The plan goes back to what it was before it was suspended."),
            done=_t("The plan goes on."),
        )

    def _plan(self, request: HttpRequest, plan_id: Any) -> Plan:
        if not request.user.has_perm("orders.change_plan"):
            raise PermissionDenied
        plan = Plan.objects.select_related("item__order", "product").filter(pk=plan_id).first()
        if plan is None:
            raise Http404
        return plan

    def _move(
        self, request: HttpRequest, plan: Plan, *, verb: Any, action: Action, done: str, **page: Any
    ) -> HttpResponse:
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self.ask(request, plan, form, facts=[(_t("Plan"), str(plan))], **page)
        plans: QuerySet[Plan] = Plan.objects.filter(pk=plan.pk)
        with transaction.atomic():
            if verb(plans) == 1:
                record(
                    action,
                    plan,
                    now=timezone.now(),
                    by=signed_in(request),
                    address=client_address(request),
                    plan_id=plan.pk,
                    order_id=plan.item.order_id,
                    reason=form.cleaned_data["reason"],
                )
                messages.success(request, done)
            else:
                messages.warning(
                    request, _t("Nothing was changed: the plan is no longer in a state for that.")
                )
        return redirect(page_of(plan))
