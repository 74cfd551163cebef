"""People, their second factors, their addresses, the groups, and the letter box."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.audited_admin import AuditedAdmin
from accounts.models import Letter, User
from audit.admin_pages import ReadOnlyAdmin

# Their packages' own pages are not audited, and that of the authenticators shows what is secret in them.
for _model in (Authenticator, EmailAddress, EmailConfirmation, Group):
    try:
        admin.site.unregister(_model)
    except NotRegistered:  # their packages decide by setting whether they have a page
        continue


@admin.register(User)
class UserAdmin(AuditedAdmin):
    """A new person gets no password here: they choose one by "Forgot your password?"."""

    list_display = ("email", "name", "is_staff", "is_active", "date_joined", "last_login")
    list_filter = ("is_staff", "is_active", "groups", "date_joined")
    search_fields = ("email", "name")
    uuid_search = ("pk",)
    fields = ("email", "name", "is_active", "is_staff", "is_superuser", "groups", "date_joined", "last_login")
    readonly_fields = ("date_joined", "last_login")
    filter_horizontal = ("groups",)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.email = obj.email.lower()
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever may change a person may make themselves anything: superusers only, whatever a group says."""
        return _superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin, AuditedAdmin):
    """Deleted by a superuser when somebody has lost their telephone; what it holds is shown to nobody."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__email",)
    fields = ("user", "type", "created_at", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _superuser(request)


@admin.register(EmailAddress)
class EmailAddressAdmin(AuditedAdmin):
    list_display = ("email", "user", "primary", "verified")
    list_filter = ("verified",)
    list_select_related = ("user",)
    search_fields = ("email",)
    fields = ("user", "email", "primary", "verified")
    autocomplete_fields = ("user",)


@admin.register(Group)
class GroupAdmin(AuditedAdmin):
    search_fields = ("name",)
    fields = ("name", "permissions")
    filter_horizontal = ("permissions",)


@admin.register(Letter)
class LetterAdmin(ReadOnlyAdmin):
    """The text is not shown: it may hold a link that opens something."""

    list_display = ("created_at", "kind", "to", "subject", "fate", "tries")
    list_filter = ("created_at", "sent_at")
    search_fields = ("=to", "subject")
    uuid_search = ("plan_id", "order_id")
    fields = (
        "kind",
        "to",
        "subject",
        "created_at",
        "sent_at",
        "fate",
        "due_at",
        "tries",
        "problem",
        "order_id",
        "plan_id",
    )

    @admin.display(description=_("fate"))
    def fate(self, letter: Letter) -> str:
        return letter.fate


def _superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_active and getattr(request.user, "is_superuser", False))
