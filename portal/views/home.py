"""The first page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe


def _example() -> list[dict[str, object]]:
    titles = [
        (_("Paid"), ""),
        (_("Control of the domain shown"), _("Found the DNS record on both name servers.")),
        (_("Certificate issued"), _("Valid for 199 days; the next one follows in time.")),
        (_("Seen on your site"), _("Visitors get the new certificate.")),
    ]
    return [{"title": title, "state": "done", "at": None, "detail": detail} for title, detail in titles]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/home.html", {"example": _example()})
