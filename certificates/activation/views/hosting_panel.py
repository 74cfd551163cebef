"""The way to the pretend hosting panel of the sandbox, where a newcomer can do what a page asks for."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest


def link(request: HttpRequest, fields: Mapping[str, str], return_to: str) -> str:
    """The panel's form with these fields filled in and the way back to this path; "" in production."""
    if not settings.HOSTING_PANEL_URL:
        return ""
    back = {"return_to": request.build_absolute_uri(return_to)}
    return f"{settings.HOSTING_PANEL_URL}/publish?{urlencode({**fields, **back})}"
