"""What a load balancer asks: is this process alive, and can it serve?"""

from __future__ import annotations

import logging

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

log = logging.getLogger(__name__)


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Answer without touching anything: a slow database must not get a healthy process killed."""
    return HttpResponse("alive\n", content_type="text/plain")


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when database and cache (rate limits rest on it) answer, else 503. Names no host, tells no secret."""
    parts = {"database": _database_answers(), "cache": _cache_answers()}
    state = {name: "ok" if fine else "unavailable" for name, fine in parts.items()}
    return JsonResponse(state, status=200 if all(parts.values()) else 503)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError:
        log.exception("the database does not answer")
        return False
    return True


def _cache_answers() -> bool:
    try:
        cache.set("health", "ok", 10)
        return bool(cache.get("health") == "ok")
    except Exception:  # every cache backend raises its own kind
        log.exception("the cache does not answer")
        return False
