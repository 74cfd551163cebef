"""What Prometheus reads: the figures of the web processes, and what the database says."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from accounts.addresses import client_address
from portal.metrics.doors import may_read
from portal.metrics.registry import page
from portal.metrics.rows import Rows


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """404 without the token or outside of our networks, as if there were no such page."""
    if not may_read(request.headers.get("Authorization", ""), client_address(request)):
        raise Http404
    return HttpResponse(generate_latest(page(Rows())), content_type=CONTENT_TYPE_LATEST)
