"""CA accounts in the admin: filling in, testing the connection, resuming after a pause."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts.addresses import client_address
from accounts.audited_admin import AuditedAdmin
from accounts.labelled_inline import LabelledInline
from accounts.people import signed_in
from audit.admin_pages import list_of, page_of
from audit.record import record
from audit.vocabulary import Action
from certificates.admin.account_form import CaAccountForm
from certificates.admin.directory import look
from certificates.connectors.problems import CaError
from certificates.models import AcmeOrder, CaAccount, ProductIssuer
from leases import ring


class IssuerInline(LabelledInline):
    model = ProductIssuer
    fields = ("product", "position")


# Once the CA knows the account these would speak of another account: that is another row.
FIXED_ONCE_OPENED = ("connector", "directory_url", "eab_kid", "eab_hmac")


@admin.register(CaAccount)
class CaAccountAdmin(AuditedAdmin):
    form = CaAccountForm
    list_display = (
        "name",
        "standing",
        "enabled",
        "directory_url",
        "profile",
        "shared",
        "waiting",
        "paused_at",
    )
    list_filter = ("enabled", "shared", "email_mode")
    search_fields = ("name", "directory_url")
    inlines = (IssuerInline,)
    change_form_template = "admin/certificates/caaccount/change_form.html"
    readonly_fields = (
        "standing",
        "paused_at",
        "paused_why",
        "account_url",
        "terms_agreed_at",
        "terms_url",
        "eab_held",
        "order_list",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[CaAccount]:
        still_open = ~Q(acme_orders__status__in=["valid", "invalid"]) & Q(acme_orders__isnull=False)
        return super().get_queryset(request).annotate(waiting_orders=Count("acme_orders", filter=still_open))

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        opened = isinstance(obj, CaAccount) and bool(obj.account_url)
        ca = [
            "name",
            "connector",
            "directory_url",
            "roots_pem",
            "contact",
            "profile",
            "caa_identities",
            "shared",
            "email_mode",
            "enabled",
        ]
        binding = ["eab_kid", "eab_held"] if opened else ["eab_kid", "eab_hmac", "eab_held"]
        if obj is None:
            return [
                (None, {"fields": ca}),
                (_("External account binding"), {"fields": ["eab_kid", "eab_hmac"]}),
                (_("Terms"), {"fields": ["terms_agreed"]}),
            ]
        return [
            (None, {"fields": ["standing", "paused_at", "paused_why", "order_list"]}),
            (_("CA"), {"fields": ca}),
            (_("External account binding"), {"fields": binding}),
            (
                _("Account and terms"),
                {"fields": ["account_url", "terms_url", "terms_agreed", "terms_agreed_at"]},
            ),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        opened = isinstance(obj, CaAccount) and bool(obj.account_url)
        return [*self.readonly_fields, *(FIXED_ONCE_OPENED if opened else ())]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Disable it instead: with the row the account key would be gone."""
        return False

    @admin.display(description=_("standing"))
    def standing(self, account: CaAccount) -> str:
        if account.paused_at:
            return _t("Paused: an operator is needed")
        if not account.enabled:
            return _t("Disabled")
        return _t("Open") if account.account_url else _t("Will be opened with the first order")

    @admin.display(description=_("EAB HMAC key is stored"), boolean=True)
    def eab_held(self, account: CaAccount) -> bool:
        return account.sealed_eab_hmac is not None

    @admin.display(description=_("waiting orders"), ordering="waiting_orders")
    def waiting(self, account: CaAccount) -> int:
        return int(getattr(account, "waiting_orders", 0))

    @admin.display(description=_("orders"))
    def order_list(self, account: CaAccount) -> SafeString:
        return list_of(AcmeOrder, _("Orders at this CA"), account__id__exact=account.pk)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:account_id>/test/", wrap(self.test_view), name="certificates_caaccount_test"),
            path("<uuid:account_id>/resume/", wrap(self.resume_view), name="certificates_caaccount_resume"),
            *super().get_urls(),
        ]

    @method_decorator(require_POST)
    def test_view(self, request: HttpRequest, account_id: Any) -> HttpResponse:
        """Read the CA's directory and show it. Opens no account and no order."""
        account = self._account(request, account_id)
        facts, problem = None, None
        try:
            facts = look(account)
        except CaError as error:
            problem = error.problem
        page = {
            **self.admin_site.each_context(request),
            "title": _t("Connection to %(name)s") % {"name": account.name},
            "opts": self.opts,
            "original": account,
            "facts": facts,
            "problem": problem,
            "caa_differs": facts is not None and list(facts.caa_identities) != account.caa_names(),
            "profile_unknown": bool(facts and account.profile and account.profile not in facts.profiles),
            "eab_missing": bool(facts and facts.external_account_required and not account.sealed_eab_hmac),
        }
        return TemplateResponse(request, "admin/certificates/caaccount/test.html", page)

    @method_decorator(require_POST)
    def resume_view(self, request: HttpRequest, account_id: Any) -> HttpResponse:
        """Let a paused CA's queue go on, at once."""
        account, now = self._account(request, account_id), timezone.now()
        with transaction.atomic():
            resumed = account.resume()
            if resumed:
                AcmeOrder.objects.open().filter(account=account).wake(now)
                record(
                    Action.CA_RESUMED,
                    account,
                    now=now,
                    by=signed_in(request),
                    address=client_address(request),
                    was=account.paused_why,
                )
        if resumed:
            ring()
            messages.success(
                request, _t("%(name)s goes on; its waiting orders are due now.") % {"name": account.name}
            )
        else:
            messages.warning(request, _t("%(name)s was not paused.") % {"name": account.name})
        return redirect(page_of(account))

    def _account(self, request: HttpRequest, account_id: Any) -> CaAccount:
        if not request.user.has_perm("certificates.change_caaccount"):
            raise PermissionDenied
        account = CaAccount.objects.filter(pk=account_id).first()
        if account is None:
            raise Http404
        return account
