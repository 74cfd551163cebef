"""The one style sheet that depends on a setting; a strict CSP leaves no inline way."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from portal import theme as accent


@require_safe
def theme(request: HttpRequest) -> HttpResponse:
    """The accent colour as CSS variables. Kept for ever under its versioned address, else looked up each time."""
    response = HttpResponse(accent.stylesheet(settings.PORTAL_ACCENT), content_type="text/css; charset=utf-8")
    current = request.GET.get("v") == accent.version(settings.PORTAL_ACCENT)
    response["Cache-Control"] = "public, max-age=31536000, immutable" if current else "no-cache"
    return response
