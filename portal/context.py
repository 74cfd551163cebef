"""What every page knows: the portal's name, its support address, and whether this is the sandbox."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def portal(request: HttpRequest) -> dict[str, Any]:
    return {
        "portal_name": settings.PORTAL_NAME,
        "portal_env": settings.PORTAL_ENV,
        "support_email": settings.SUPPORT_EMAIL,
        "hosting_panel_url": settings.HOSTING_PANEL_URL,
        "mailbox_url": settings.MAILBOX_URL,
    }
