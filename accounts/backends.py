"""Who is signed in, looked up once for every request: by a query that is built once."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.backends import ModelBackend

from accounts.models import User
from leases.prepared import Prepared

_user = Prepared(lambda pk: User.objects.filter(pk=pk).order_by(), User._meta.pk)


class _Ready(ModelBackend):
    def get_user(self, user_id: Any) -> User | None:
        """Return the person, None for one who is gone or may no longer sign in."""
        found = _user.first(user_id)
        return found if found is not None and self.user_can_authenticate(found) else None


class ByName(_Ready):
    """Django's own backend."""


class ByEmail(_Ready, AuthenticationBackend):
    """allauth's backend: by the address that was typed."""
