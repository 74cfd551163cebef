"""Staff without a second factor get no further than the page where they set one up."""

from __future__ import annotations

from collections.abc import Callable

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

FREE_PATHS = ("/accounts/", "/static/", "/theme.css", "/health/")
# Recovery codes stand in for a lost factor; alone they are none.
FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


class StaffNeedSecondFactor:
    """Applies to everybody with `is_staff`; switched off only where STAFF_SECOND_FACTOR_REQUIRED is (the sandbox)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.STAFF_SECOND_FACTOR_REQUIRED or request.path.startswith(FREE_PATHS):
            return self.get_response(request)
        user = request.user
        if user.is_authenticated and user.is_staff and not is_mfa_enabled(user, types=FACTORS):
            # MessageMiddleware stands behind this one: its storage is not there yet, so the page itself explains.
            if hasattr(request, "_messages"):
                messages.warning(request, _("Staff accounts need a second factor."))
            return redirect(f"{reverse('mfa_index')}?staff=1")
        return self.get_response(request)
