"""Signing in again before something precious: how recent is recent enough, and what may wait in the session meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import app_settings
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.people import signed_in

View = Callable[..., HttpResponse]


def authenticated_recently(request: HttpRequest) -> bool:
    """True if this person proved who they are in this session within ACCOUNT_REAUTHENTICATION_TIMEOUT seconds.

    Signing in counts like signing in again; allauth's own check takes the second only and would ask twice in a minute.
    """
    records = get_authentication_records(request, signed_in(request))
    latest = max((record["at"] for record in records), default=None)
    return latest is not None and 0 <= time.time() - latest < app_settings.REAUTHENTICATION_TIMEOUT


def recent_sign_in_required(*, forget: tuple[str, ...] = ()) -> Callable[[View], View]:
    """Ask people to sign in again first; a POST is kept in the session and goes on afterwards.

    `forget` names fields that must not be written into the session: they are missing when the POST goes on.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if authenticated_recently(request):
                return view(request, *args, **kwargs)
            if not get_reauthentication_flows(signed_in(request)):
                # allauth waves such people through: without a password there is nothing they could repeat.
                messages.warning(
                    request, _("Please set a password first: it protects what you wanted to open.")
                )
                return redirect("account_set_password")
            kept = request.POST.copy()
            for field in forget:
                kept.pop(field, None)
            request.POST = kept  # type: ignore[assignment]
            raise ReauthenticationRequired

        return guarded

    return decorate
