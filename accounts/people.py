"""The person behind a request, with the right type."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts.models import User


def signed_in(request: HttpRequest) -> User:
    """Return the signed-in user. Raises PermissionDenied: the view forgot @login_required."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
