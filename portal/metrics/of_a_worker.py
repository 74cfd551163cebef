"""A worker's own figures on a port of its own: it has no web server that could show them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from celery import bootsteps
from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from portal.metrics.doors import may_read
from portal.metrics.registry import page

log = logging.getLogger(__name__)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        """Prometheus asks all day long."""


def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Give the figures of this worker's processes to whoever may read them, 404 to everybody else and for every other page."""
    allowed = may_read(environ.get("HTTP_AUTHORIZATION", ""), environ.get("REMOTE_ADDR"))
    if not allowed or environ.get("PATH_INFO") != "/metrics" or environ.get("REQUEST_METHOD") != "GET":
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"not found\n"]
    start_response("200 OK", [("Content-Type", CONTENT_TYPE_LATEST), ("Cache-Control", "no-store")])
    return [generate_latest(page())]


class MetricsDoor(bootsteps.StartStopStep):
    """Listens on WORKER_METRICS_PORT, if there is one, while the worker runs."""

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self.server: WSGIServer | None = None

    def start(self, parent: Any) -> None:
        port = settings.WORKER_METRICS_PORT
        if not port:
            return
        try:
            self.server = make_server(settings.WORKER_METRICS_ADDRESS, port, answer, _Server, _Handler)
        except OSError as fault:
            # A second worker on this machine: it must not be kept from working by its figures.
            log.error("no figures on port %s: %s", port, fault.strerror)
            return
        threading.Thread(target=self.server.serve_forever, name="metrics", daemon=True).start()

    def stop(self, parent: Any) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
