"""What a load balancer asks: is this process alive, and can it serve?"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal import readiness


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Answer without touching anything: a slow database must not get a healthy process killed."""
    return HttpResponse("alive\n", content_type="text/plain")


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 unless a part is unavailable, else 503. Names no host, tells no secret and no reason: those are in the log."""
    parts = readiness.parts()
    return JsonResponse(parts, status=503 if readiness.UNAVAILABLE in parts.values() else 200)
