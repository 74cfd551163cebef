"""One line for each answered request, and an id by which everything that was logged for it is found."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars

from portal.logs.whose import about_request
from portal.metrics.seen import count_request

log = logging.getLogger(__name__)

HEADER = "X-Request-ID"
_FROM_OUR_PROXY = re.compile(r"[A-Za-z0-9_-]{8,64}")
# Arguments of an address that name an object by its id; others may open something (a key of a mailed link).
_IDS = {"plan_id", "order_id", "certificate_id", "issuance_id", "account_id"}
# Asked all day long by machines.
_QUIET = ("/health/", "/static/", "/metrics", "/theme.css")


class RequestLog:
    """Stands first, so that whatever the others log carries the request's id. Logs the route, never the path or the query."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id, started = id_of(request), time.monotonic()
        with about_request(request, request_id):
            response = self.get_response(request)
            response[HEADER] = request_id
            seconds = time.monotonic() - started
            count_request(route_of(request), request.method, response.status_code, seconds)
            quiet = response.status_code < 500 and request.path.startswith(_QUIET)
            log.log(
                logging.DEBUG if quiet else logging.INFO,
                "%s %s: %s",
                request.method,
                route_of(request),
                response.status_code,
                extra={"status": response.status_code, "ms": round(seconds * 1000)},
            )
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]) -> None:
        bind_contextvars(**{name: str(value) for name, value in kwargs.items() if name in _IDS})


def id_of(request: HttpRequest) -> str:
    """Return the id that our own proxy has given the request, else a new one: nobody else may write into our log."""
    told = request.headers.get(HEADER, "") if settings.TRUSTED_PROXIES else ""
    return told if _FROM_OUR_PROXY.fullmatch(told) else uuid.uuid4().hex


def route_of(request: HttpRequest) -> str:
    """Return the pattern that the address matched (`certificates/<uuid:plan_id>/`): a path may hold what opens something."""
    match = request.resolver_match
    return f"/{match.route}" if match is not None else "(no such page)"
