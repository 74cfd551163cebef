"""The lookout in the admin: what must be shown, what we saw, what was shown. All of it is written by machines."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit.admin_pages import ReadOnlyAdmin, ReadOnlyInline, as_json, links, list_of
from validation.models import Approval, Authorization, Challenge, Control, Delegation, Probe, Publication


class ChallengeInline(ReadOnlyInline):
    model = Challenge
    fields = ("type", "status", "answered_at", "trouble")

    @admin.display(description=_("problem"))
    def trouble(self, challenge: Challenge) -> SafeString | str:
        return as_json(challenge.problem)


@admin.register(Authorization)
class AuthorizationAdmin(ReadOnlyAdmin):
    list_display = ("name", "status", "method", "owner", "created_at", "shown_at", "looks", "due_at")
    list_filter = ("status", "method", "wildcard", "created_at")
    list_select_related = ("owner",)
    search_fields = ("^identifier", "^owner__email", "=url")
    search_help_text = _("Domain name or email address from the beginning; URL in full.")
    uuid_search = ("pk", "plan_id", "owner_id")
    guarded = {"owner": ("accounts.view_user", "owner_email")}
    inlines = (ChallengeInline,)
    fields = (
        "name",
        "status",
        "method",
        "owner",
        "url",
        "created_at",
        "expires_at",
        "shown_at",
        "insisted_at",
        "looks",
        "due_at",
        "lease_until",
        "last_finding_json",
        "trouble",
        "order_links",
        "control_links",
        "probe_list",
    )

    @admin.display(description=_("name"), ordering="identifier")
    def name(self, authorization: Authorization) -> str:
        return authorization.text

    @admin.display(description=_("owner"))
    def owner_email(self, authorization: Authorization) -> str:
        return authorization.owner.email

    @admin.display(description=_("last finding"))
    def last_finding_json(self, authorization: Authorization) -> SafeString | str:
        return as_json(authorization.finding)

    @admin.display(description=_("problem at the CA"))
    def trouble(self, authorization: Authorization) -> SafeString | str:
        return as_json(authorization.problem)

    @admin.display(description=_("ACME orders"))
    def order_links(self, authorization: Authorization) -> SafeString | str:
        return links(authorization.acme_orders.all())  # the registry's name for its side

    @admin.display(description=_("controls"))
    def control_links(self, authorization: Authorization) -> SafeString | str:
        return links(authorization.controls.all())

    @admin.display(description=_("probes"))
    def probe_list(self, authorization: Authorization) -> SafeString:
        return list_of(Probe, _("Everything we saw"), authorization__id__exact=authorization.pk)


@admin.register(Probe)
class ProbeAdmin(ReadOnlyAdmin):
    list_display = ("at", "name", "method", "slug", "in_place", "seen_short", "milliseconds")
    list_filter = ("in_place", "at")
    list_select_related = ("authorization",)
    search_fields = ("=slug",)
    uuid_search = ("authorization_id",)
    fields = (
        "authorization",
        "at",
        "method",
        "slug",
        "in_place",
        "expected",
        "seen",
        "facts_json",
        "milliseconds",
    )

    def also_found(self, text: str) -> Q:
        return Q(
            authorization__in=Authorization.objects.filter(identifier__startswith=text.lower()).values("pk")
        )

    @admin.display(description=_("name"))
    def name(self, probe: Probe) -> str:
        return probe.authorization.text

    @admin.display(description=_("seen"))
    def seen_short(self, probe: Probe) -> str:
        return probe.seen[:80]

    @admin.display(description=_("facts"))
    def facts_json(self, probe: Probe) -> SafeString | str:
        return as_json(probe.facts)


@admin.register(Control)
class ControlAdmin(ReadOnlyAdmin):
    list_display = ("name", "owner", "method", "shown_at", "expires_at", "withdrawn_at")
    list_filter = ("method", "wildcard", "shown_at")
    list_select_related = ("owner",)
    search_fields = ("^identifier", "^owner__email")
    uuid_search = ("owner_id", "authorization_id")
    guarded = {"owner": ("accounts.view_user", "owner_email")}
    fields = (
        "name",
        "owner",
        "method",
        "authorization",
        "shown_at",
        "expires_at",
        "withdrawn_at",
        "withdrawn_why",
    )

    @admin.display(description=_("name"), ordering="identifier")
    def name(self, control: Control) -> str:
        return f"*.{control.identifier}" if control.wildcard else control.identifier

    @admin.display(description=_("owner"))
    def owner_email(self, control: Control) -> str:
        return control.owner.email


class PublicationInline(ReadOnlyInline):
    model = Publication
    fields = ("value", "wanted_at", "published_at", "removed_at", "tries", "problem")


@admin.register(Delegation)
class DelegationAdmin(ReadOnlyAdmin):
    """What customers have set up once; `gone since` is where to look first."""

    list_display = ("identifier", "kind", "owner", "created_at", "seen_at", "broken_at", "due_at")
    list_filter = ("kind", ("broken_at", admin.EmptyFieldListFilter), "created_at")
    list_select_related = ("owner",)
    search_fields = ("^identifier", "^owner__email", "=label")
    uuid_search = ("pk", "owner_id")
    guarded = {"owner": ("accounts.view_user", "owner_email")}
    inlines = (PublicationInline,)
    fields = (
        "identifier",
        "kind",
        "owner",
        "label",
        "zone",
        "created_at",
        "asked_at",
        "seen_at",
        "broken_at",
        "warned_at",
        "due_at",
        "last_finding_json",
    )

    @admin.display(description=_("owner"))
    def owner_email(self, delegation: Delegation) -> str:
        return delegation.owner.email

    @admin.display(description=_("last finding"))
    def last_finding_json(self, delegation: Delegation) -> SafeString | str:
        return as_json(delegation.finding)


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """Whom we asked by mail, and the answer. Neither the link nor what it is made from is shown."""

    list_display = ("domain", "recipient", "owner", "created_at", "mails", "answer", "answered_at", "problem")
    list_filter = ("answer", "mode", "problem", "created_at")
    list_select_related = ("owner",)
    search_fields = ("^domain", "^recipient", "^owner__email")
    uuid_search = ("pk", "owner_id", "plan_id")
    guarded = {"owner": ("accounts.view_user", "owner_email")}
    fields = (
        "domain",
        "names",
        "mode",
        "recipient",
        "owner",
        "asker_name",
        "asker_email",
        "plan_id",
        "created_at",
        "expires_at",
        "mails",
        "mailed_at",
        "letter",
        "problem",
        "answer",
        "answered_at",
        "answered_from",
        "good_until",
        "withdrawn_at",
        "due_at",
    )

    @admin.display(description=_("owner"))
    def owner_email(self, approval: Approval) -> str:
        return approval.owner.email
