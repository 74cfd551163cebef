"""The proxy itself: HTTPS in, HTTPS to the real CA, the Host header unchanged so that the CA's own URLs lead back here."""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox.faults.atlas import Atlas
from sandbox.faults.exchange import Reply, Request
from sandbox.faults.plan import Plan

log = logging.getLogger(__name__)

# Headers of one connection, not of the message (RFC 9110 §7.6.1), and those that are written anew.
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length"})  # fmt: skip
# An order in these states is pending no more (RFC 8555 §7.1.6).
OVER = frozenset({"processing", "valid", "invalid"})
UPSTREAM_SECONDS = 30.0
IDLE_SECONDS = 120.0

Amend = Callable[[Request, Reply], Reply]


class FaultProxy:
    """Listens at once when made; `directory_url` is where clients begin. It runs in threads of its own until `stop`."""

    def __init__(
        self,
        upstream: str,
        upstream_roots: Path,
        certificate: tuple[Path, Path],
        plan: Plan,
        *,
        listening: socket.socket | None = None,
        restart: Callable[[], None] = lambda: None,
        amend: Amend | None = None,
    ) -> None:
        """`upstream` is the real CA's directory URL; `certificate` the chain and key files of our own TLS.

        `listening` is a bound socket (default: a free port on 127.0.0.1), `restart` starts the CA anew without its
        state, `amend` may change every answer of the CA before any fault does.
        """
        self.plan = plan
        self.asked: Counter[str] = Counter()
        self.memory: dict[str, Any] = {}
        self._upstream = urlsplit(upstream)
        self._trust = ssl.create_default_context(cafile=str(upstream_roots))
        self._atlas = Atlas(self._upstream.path)
        self._restart = restart
        self._amend = amend
        self._lock = threading.Lock()
        self._over = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self._server = _Server(self, context, listening)
        self.port = int(self._server.server_address[1])
        self.directory_url = f"https://127.0.0.1:{self.port}{self._upstream.path}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; answers that are held back are dropped."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """What to send back, after the wait that belongs to it."""
        with self._lock:
            request = self._atlas.read(method, path, headers, body)
            self.asked[request.kind] += 1
        rule = self.plan.rule_for(request)
        if rule is not None:
            log.info("%s at %s %s", rule.name, request.kind, path)
        try:
            reply = rule.misdeed(request, self) if rule is not None else self.ask(request)
        except (OSError, http.client.HTTPException) as error:
            log.warning("the CA did not answer %s %s: %s", method, path, error)
            return Reply(502, cut="before")
        if reply.seconds:
            self._over.wait(reply.seconds)
        return reply

    def ask(self, request: Request) -> Reply:
        """Pass a request on; raises OSError or HTTPException when the CA does not answer."""
        reply = self._exchange(request.method, request.path, dict(request.headers), request.body)
        with self._lock:
            self._atlas.learn(request, reply)
            if reply.document.get("status") in OVER and request.subject:
                self.memory.pop(request.subject, None)
        return self._amend(request, reply) if self._amend is not None else reply

    def nonce(self) -> str:
        """A nonce of the CA's own; raises OSError or HTTPException when it does not answer."""
        known = [path for path, kind in list(self._atlas.kinds.items()) if kind == "newNonce"]
        if not known:
            return ""
        reply = self._exchange("HEAD", known[0], {"Host": f"127.0.0.1:{self.port}"}, b"")
        return next((value for key, value in reply.headers.items() if key.lower() == "replay-nonce"), "")

    def restart(self) -> None:
        """Have the CA started anew, and forget what it said."""
        self._restart()
        self.memory.clear()

    def _exchange(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        host, port = self._upstream.hostname or "", self._upstream.port
        connection = http.client.HTTPSConnection(host, port, timeout=UPSTREAM_SECONDS, context=self._trust)
        try:
            kept = {key: value for key, value in headers.items() if key.lower() not in HOP_BY_HOP}
            connection.request(method, path, body=body or None, headers={**kept, "Connection": "close"})
            answer = connection.getresponse()
            content = answer.read()
            given = {key: value for key, value in _joined(answer).items() if key.lower() not in HOP_BY_HOP}
            return Reply(answer.status, given, content)
        finally:
            connection.close()


def _joined(answer: http.client.HTTPResponse) -> dict[str, str]:
    """Headers, those that came several times (Link) in one line (RFC 9110 §5.2)."""
    joined: dict[str, str] = {}
    for name, value in answer.getheaders():
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Threads may be holding an answer back for long; nobody waits for them at the end.
    block_on_close = False

    def __init__(self, proxy: FaultProxy, context: ssl.SSLContext, listening: socket.socket | None) -> None:
        self.proxy, self.context = proxy, context
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=listening is None)
        if listening is not None:
            self.socket.close()
            self.socket = listening
            self.server_address = listening.getsockname()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: one slow handshake holds up nobody."""
        request.settimeout(IDLE_SECONDS)
        try:
            wrapped = self.context.wrap_socket(request, server_side=True)
        except OSError:
            return
        try:
            _Handler(wrapped, client_address, self)
        finally:
            wrapped.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to report."""
        log.debug("a connection ended badly", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        reply = self.server.proxy.answer(self.command, self.path, dict(self.headers.items()), body)
        if reply.cut == "before":
            self.reset()
            return
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if reply.cut == "middle":
            self.wfile.write(reply.body[: len(reply.body) // 2])
            self.reset()
            return
        self.wfile.write(reply.body)

    do_GET = do_HEAD = do_POST = answer  # noqa: N815 - names that the library looks for

    def reset(self) -> None:
        """Close with a TCP reset, not politely."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """The proxy logs what it does itself."""
