"""Who may open the staff pages: strangers find nothing there, staff need the permission."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

View = Callable[..., HttpResponse]


def staff_with(*permissions: str) -> Callable[[View], View]:
    """Let staff with all of these permissions in; 403 for other staff, 404 for customers, sign-in for everybody else."""

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            user = request.user
            if not user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not (user.is_active and user.is_staff):
                raise Http404
            if not user.has_perms(permissions):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return door

    return wrap
