"""What every page knows: whose portal this is, where the sandbox's doors are, and what time it is."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from portal import theme


def portal(request: HttpRequest) -> dict[str, Any]:
    """Context processor. `now` is aware UTC; a view that passes its own `now` wins."""
    return {
        "portal_name": settings.PORTAL_NAME,
        "portal_env": settings.PORTAL_ENV,
        "support_email": settings.SUPPORT_EMAIL,
        "hosting_panel_url": settings.HOSTING_PANEL_URL,
        "mailbox_url": settings.MAILBOX_URL,
        "theme_url": f"{reverse('theme')}?v={theme.version(settings.PORTAL_ACCENT)}",
        "now": timezone.now(),
    }
