"""CA accounts in the admin: what they are, how they stand, which products they fulfil."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, IntegerField, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from audit.admin_pages import link, list_of
from certificates.admin.account_form import CaAccountForm
from certificates.admin.issuers import IssuerInline
from certificates.admin.limits import LimitActions, LimitInline
from certificates.held_up import clock_time
from certificates.issuance import holding
from certificates.issuance.opening_account import hand_down
from certificates.models import AcmeOrder, CaAccount
from certificates.profiles import LEAST_FOR_PEOPLE

# Once the CA knows the account these would speak of another account: that is another row.
FIXED_ONCE_OPENED = ("connector", "directory_url")
BINDING = ("eab_kid", "eab_hmac")
# What a CA says when the account's binding is no good (any more).
BINDING_PROBLEMS = ("externalAccountRequired", "unauthorized")
CA = (
    "name",
    "connector",
    "directory_url",
    "roots_pem",
    "contact",
    "profile",
    "time_left",
    "preferred_root",
    "caa_identities",
    "shared",
    "per_customer",
    "email_mode",
    "publicly_trusted",
    "enabled",
)
STANDING = ("standing", "paused_at", "paused_why", "where_to_go", "order_list", "customers")
OF_A_CUSTOMER = ("pattern", "owner", "directory_url", "contact", "account_url", "terms_agreed_at", "enabled")


class WhoseFilter(admin.SimpleListFilter):
    """Those of customers are many, and nobody looks for them unless one is in trouble."""

    title = _("whose")
    parameter_name = "whose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return (("customers", _("Customers' own")), ("all", _("All")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(parent__isnull=self.value() != "customers")

    def choices(self, changelist: Any) -> Any:
        for index, choice in enumerate(super().choices(changelist)):
            yield choice | {"display": _("The house's")} if index == 0 else choice


@admin.register(CaAccount)
class CaAccountAdmin(LimitActions):
    form = CaAccountForm
    list_display = (
        "name",
        "standing",
        "enabled",
        "directory_url",
        "profile",
        "waiting",
        "paused_at",
    )
    list_filter = (WhoseFilter, "enabled", "shared", "per_customer", "email_mode")
    list_select_related = ("parent",)
    search_fields = ("name", "directory_url")
    uuid_search = ("pk", "customer_id")
    inlines = (IssuerInline, LimitInline)
    change_form_template = "admin/certificates/caaccount/change_form.html"
    readonly_fields = (
        *STANDING,
        "pattern",
        "owner",
        "time_left",
        "account_url",
        "terms_agreed_at",
        "terms_url",
        "terms_offered",
        "eab_held",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[CaAccount]:
        waiting = _waiting("account") + _waiting("account__parent")
        return super().get_queryset(request).annotate(waiting_orders=waiting)

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if not isinstance(obj, CaAccount):
            fields = [name for name in CA if name != "time_left"]
            return [
                (None, {"fields": fields}),
                (_("External account binding"), {"fields": [*BINDING, "eab_reusable"]}),
                (_("Terms"), {"fields": ["terms_agreed"]}),
            ]
        if obj.parent_id is not None:
            return [(None, {"fields": [*STANDING[:-1], *OF_A_CUSTOMER]})]
        binding = [*BINDING[: 1 if binding_is_fixed(obj) else 2], "eab_reusable", "eab_held"]
        return [
            (None, {"fields": STANDING if obj.per_customer else STANDING[:-1]}),
            (_("CA"), {"fields": CA}),
            (_("External account binding"), {"fields": binding}),
            (
                _("Account and terms"),
                {"fields": ["account_url", "terms_offered", "terms_url", "terms_agreed", "terms_agreed_at"]},
            ),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        if not isinstance(obj, CaAccount):
            return list(self.readonly_fields)
        opened = FIXED_ONCE_OPENED if is_known_at_the_ca(obj) else ()
        return [*self.readonly_fields, *opened, *(BINDING if binding_is_fixed(obj) else ())]

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> Any:
        return () if isinstance(obj, CaAccount) and obj.parent_id else super().get_inlines(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Disable it instead: with the row the account key would be gone."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A customer's account follows its pattern."""
        follows = isinstance(obj, CaAccount) and obj.parent_id is not None
        return not follows and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write what the form has, and nothing else: a key that was changed meanwhile must not be undone."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        columns = {field.name for field in CaAccount._meta.concrete_fields}
        obj.save(update_fields=sorted((columns & set(form.cleaned_data)) | form.also_written))
        hand_down(obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """What waits for an operator may have waited for this."""
        super().save_related(request, form, formsets, change)
        mine = Q(account=form.instance) | Q(account__parent=form.instance)
        waiting = AcmeOrder.objects.open().filter(mine, waiting_for=AcmeOrder.WaitingFor.OPERATOR)
        waiting.wake(timezone.now())

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A new contact goes to the CA when the row is stored, outside its transaction."""
        before = self._contact(object_id) if request.method == "POST" else None
        response = super().change_view(request, object_id, form_url, extra_context)
        after = self._contact(object_id) if before is not None else None
        if after is not None and before is not None and after[0] and after[1] != before[1]:
            self.tell_contact(request, CaAccount.objects.get(pk=object_id))
        return response

    def _contact(self, object_id: str) -> tuple[str, str] | None:
        try:
            return CaAccount.objects.filter(pk=object_id).values_list("account_url", "contact").first()
        except (ValueError, TypeError):
            return None

    # --- what the page says ----------------------------------------------------------------------------------------

    @admin.display(description=_("standing"))
    def standing(self, account: CaAccount) -> str:
        if account.stands_still:
            return _t("Paused: an operator is needed")
        if not account.is_usable:
            return _t("Disabled")
        if account.resting_until is not None:
            return _t("Down: left in peace until %(time)s") % {
                "time": clock_time(account.resting_until, timezone.now())
            }
        held = holding.held_until(account, timezone.now())
        if held is not None:
            return _t("A limit is reached: no new orders until %(time)s") % {
                "time": clock_time(held, timezone.now())
            }
        if account.next_key_at is not None or account.sealed_next_key is not None:
            return _t("Its key is being changed")
        if account.has_new_terms and (account.account_url or account.terms_agreed_at):
            return _t("The CA has new terms")
        if account.per_customer:
            return _t("Pattern for customers' accounts")
        return _t("Open") if account.account_url else _t("Will be opened with the first order")

    @admin.display(description=_("where the CA waits for us"))
    def where_to_go(self, account: CaAccount) -> SafeString | str:
        url = account.paused_link
        if not url:
            return "–"
        # The CA's own words: a link only where it is one that a browser may follow.
        shown = url.startswith(("https://", "http://"))
        return format_html('<a href="{0}" rel="noopener noreferrer">{0}</a>', url) if shown else url

    @admin.display(description=_("time left to show a name"))
    def time_left(self, account: CaAccount) -> SafeString | str:
        rows = [
            (name or _t("CA's default"), f"{int(seconds) / 3600:.1f} h", _hasty(int(seconds)))
            for name, seconds in sorted(account.pending_lives.items())
        ]
        return format_html_join("", "{}: {} {}<br>", rows) or _t("Not measured yet")

    @admin.display(description=_("EAB HMAC key is stored"), boolean=True)
    def eab_held(self, account: CaAccount) -> bool:
        return account.sealed_eab_hmac is not None

    @admin.display(description=_("waiting orders"), ordering="waiting_orders")
    def waiting(self, account: CaAccount) -> int:
        return int(getattr(account, "waiting_orders", 0))

    @admin.display(description=_("orders"))
    def order_list(self, account: CaAccount) -> SafeString:
        lookup = {"account__id__exact" if account.parent_id else "ca": account.pk}
        return list_of(AcmeOrder, _("Orders at this CA"), **lookup)

    @admin.display(description=_("customers' accounts"))
    def customers(self, account: CaAccount) -> SafeString:
        return list_of(CaAccount, _("Accounts of customers"), whose="customers", q=account.name)

    @admin.display(description=_("pattern"))
    def pattern(self, account: CaAccount) -> SafeString | str:
        return link(account.parent)

    @admin.display(description=_("customer"))
    def owner(self, account: CaAccount) -> str:
        return account.customer.email if account.customer else "–"


def _waiting(account: str) -> Any:
    """Return how many orders are under way at an account, or at those of customers that hang on it."""
    mine = AcmeOrder.objects.open().filter(**{account: OuterRef("pk")}).order_by()
    count = Subquery(mine.values(account).annotate(n=Count("pk")).values("n"), output_field=IntegerField())
    return Coalesce(count, 0)


def _hasty(seconds: int) -> str:
    return _t("– too short for people") if seconds < LEAST_FOR_PEOPLE.total_seconds() else ""


def is_known_at_the_ca(account: CaAccount) -> bool:
    return bool(account.account_url) or account.children.exclude(account_url="").exists()


def binding_is_fixed(account: CaAccount) -> bool:
    """True while the CA knows the account and has nothing against its binding."""
    in_trouble = account.paused_at is not None and any(
        word in account.paused_why for word in BINDING_PROBLEMS
    )
    return bool(account.account_url) and not in_trouble
