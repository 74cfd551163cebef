"""What staff change in the admin is remembered: who, when, from where, and which fields, never their values."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Model, QuerySet
from django.forms import Form
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.addresses import client_address
from accounts.people import signed_in
from audit.admin_pages import QuickList
from audit.record import record
from audit.vocabulary import Action


class ReasonForm(forms.Form):
    """Why somebody of the staff does what they are about to do; kept in the audit log."""

    reason = forms.CharField(
        label=_("Reason"),
        min_length=4,
        max_length=200,
        help_text=_("Kept in the audit log beside your name."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "size": 60}),
    )

    def clean_reason(self) -> str:
        return " ".join(str(self.cleaned_data["reason"]).split())


class AuditedAdmin(QuickList):
    """An admin whose every change, addition and deletion is an audit entry, in the same transaction."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self.remember(request, obj, verb="added", what=message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self.remember(request, obj, verb="changed", what=message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for row in queryset:
            self.remember(request, row, verb="deleted")
        return super().log_deletions(request, queryset)

    def remember(self, request: HttpRequest, row: Model, **details: Any) -> None:
        """Write the entry of a change. Django's change messages name fields, not values."""
        record(
            Action.STAFF_CHANGED,
            row,
            now=timezone.now(),
            by=signed_in(request),
            address=client_address(request),
            row=str(row)[:120],
            **details,
        )

    def ask(self, request: HttpRequest, row: Model, form: Form, **context: Any) -> TemplateResponse:
        """Show the page between a button and what it does. Context: title, submit, lead, facts (pairs), tone."""
        page = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": row,
            "form": form,
            "media": self.media,
            **context,
        }
        return TemplateResponse(request, "admin/ask.html", page, status=200 if not form.is_bound else 422)


class ChangeOnlyAdmin(AuditedAdmin):
    """Rows that the walk makes and an operator may only correct."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
