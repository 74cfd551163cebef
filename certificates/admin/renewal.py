"""When certificates are replaced, to be read, and the mass reissues with a way to their own pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit.admin_pages import ReadOnlyAdmin, as_json, list_of
from certificates.models import Campaign, Issuance, RenewalInfo
from certificates.upcoming import BLOCKED
from orders.models import Plan

SOON = timedelta(days=7)


class StateFilter(admin.SimpleListFilter):
    """What the row waits for; nothing of it is stored."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("blocked", _("Something stands in the way")),
            ("past", _("Its time has come")),
            ("soon", _("Within seven days")),
            ("failing", _("The CA does not answer")),
            ("over", _("Story over")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        open_rows, wanted = Q(due_at__isnull=False), self.value()
        kinds = {
            "blocked": open_rows & Q(problem__type__startswith=BLOCKED),
            "past": open_rows & Q(reissue_at__lte=now),
            "soon": open_rows & Q(reissue_at__gt=now, reissue_at__lte=now + SOON),
            "failing": open_rows & Q(tries__gt=0),
            "over": Q(due_at__isnull=True),
        }
        return queryset.filter(kinds[wanted]) if wanted in kinds else queryset


@admin.register(RenewalInfo)
class RenewalInfoAdmin(ReadOnlyAdmin):
    list_display = ("names_text", "reissue_at", "window_start", "window_end", "checked_at", "why", "due_at")
    list_filter = (StateFilter,)
    list_select_related = ("certificate",)
    search_help_text = _("Serial number, order number, e-mail address or domain name, from the beginning.")
    search_fields = ("^certificate__serial",)
    uuid_search = ("certificate_id", "certificate__plan_id")
    deferred = ("certificate__leaf_pem", "certificate__chain_pem")
    fields = (
        "names_text",
        "certificate",
        "reissue_at",
        "window_start",
        "window_end",
        "explanation_url",
        "checked_at",
        "ask_at",
        "due_at",
        "tries",
        "problem_json",
    )

    def also_found(self, text: str) -> Q:
        return Q(certificate__plan__in=Plan.objects.found_keys(text))

    @admin.display(description=_("names"))
    def names_text(self, row: RenewalInfo) -> str:
        return ", ".join(row.certificate.names[:5])

    @admin.display(description=_("why"))
    def why(self, row: RenewalInfo) -> str:
        return str((row.problem or {}).get("detail", "")) or "–"

    @admin.display(description=_("last problem"))
    def problem_json(self, row: RenewalInfo) -> SafeString | str:
        return as_json(row.problem)


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "state", "per_hour", "reason", "asked_by", "created_at", "ended_at")
    list_filter = ("state",)
    list_select_related = ("from_account", "to_account", "asked_by")
    uuid_search = ("pk",)
    guarded = {
        "from_account": ("certificates.view_caaccount", "from_name"),
        "to_account": ("certificates.view_caaccount", "to_name"),
        "asked_by": ("accounts.view_user", "asker"),
    }
    fields = (
        "from_account",
        "to_account",
        "state",
        "per_hour",
        "reason",
        "asked_by",
        "created_at",
        "ended_at",
        "progress",
        "issuance_list",
    )

    @admin.display(description=_("from"))
    def from_name(self, campaign: Campaign) -> str:
        return campaign.from_account.name

    @admin.display(description=_("to"))
    def to_name(self, campaign: Campaign) -> str:
        return campaign.to_account.name

    @admin.display(description=_("asked by"))
    def asker(self, campaign: Campaign) -> str:
        return campaign.asked_by.email if campaign.asked_by else "–"

    @admin.display(description=_("progress"))
    def progress(self, campaign: Campaign) -> SafeString:
        url = reverse("staff_campaign", args=[campaign.pk])
        return format_html('<a href="{}">{}</a>', url, _("How far it has come"))

    @admin.display(description=_("issuances"))
    def issuance_list(self, campaign: Campaign) -> SafeString:
        return list_of(Issuance, _("Every request of it"), campaign__id__exact=campaign.pk)
