"""The guides' pages."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.guides import BY_SLUG, GUIDES, grouped


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/guides/index.html", {"groups": grouped()})


@require_safe
def guide(request: HttpRequest, slug: str) -> HttpResponse:
    """One guide. Raises Http404 for a slug that is not in the list, so no other template can be asked for."""
    try:
        chosen = BY_SLUG[slug]
    except KeyError:
        raise Http404 from None
    return render(request, chosen.template, {"guide": chosen, "guides": GUIDES})
