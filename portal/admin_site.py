"""The admin site: our name on it, allauth at its door."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _


class StaffSite(AdminSite):
    """Django's admin without its own sign-in and password pages: those know no rate limit and no second factor."""

    index_title = _("Administration")
    site_header = settings.PORTAL_NAME
    site_title = settings.PORTAL_NAME
    site_url = "/"

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        # Imported late: this module is loaded before the models are.
        from allauth.account.decorators import secure_admin_login

        answer: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return answer

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("account_change_password")
