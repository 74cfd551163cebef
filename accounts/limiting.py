"""How often a person may do what costs others something (ACCOUNT_RATE_LIMITS)."""

from __future__ import annotations

from allauth.core.internal import ratelimit
from django.http import HttpRequest

from accounts.people import signed_in


def may(request: HttpRequest, action: str) -> bool:
    """Count one more `action` of the user who is signed in; False when that is one too many. Counts every method.

    allauth's public `consume` lets each GET pass uncounted.
    """
    usage = ratelimit.consume(
        request, app="allauth.account", action=action, user=signed_in(request), limit_get=True
    )
    return usage is not None
