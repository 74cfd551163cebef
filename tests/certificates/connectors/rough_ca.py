"""A local HTTPS server that behaves as badly as CAs on the internet do, as scripted."""

from __future__ import annotations

import base64
import json
import secrets
import socket
import ssl
import struct
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.contracts.ca import TestAuthority

NONCE_REFUSED = "urn:ietf:params:acme:error:badNonce"


@dataclass(frozen=True)
class Reply:
    """One scripted answer. `dies` cuts the connection half-way through the body, or before any answer."""

    status: int = 200
    body: bytes | Mapping[str, Any] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    dies: str = ""
    sleeps: float = 0.0
    nonce: str | None = "fresh"

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Request:
    """What arrived: for a POST the JWS's protected header and payload (None for POST-as-GET)."""

    method: str
    path: str
    headers: Mapping[str, str]
    protected: Mapping[str, Any]
    payload: Any
    raw: bytes
    connection: int


def problem(typ: str, status: int = 400, detail: str = "No.", **rest: Any) -> Reply:
    """A problem document; `headers` goes to the reply, everything else into the document."""
    headers = rest.pop("headers", {})
    urn = typ if ":" in typ else f"urn:ietf:params:acme:error:{typ}"
    document = {"type": urn, "detail": detail, "status": status} | rest
    return Reply(status, document, headers, "application/problem+json")


class RoughCa:
    """The server: replies are taken from `script[path]` in order, the last one again and again."""

    def __init__(self, folder: Path) -> None:
        authority = TestAuthority("Rough CA")
        certificate, key = authority.write_server_pair(folder)
        self.roots_pem = authority.pem
        self.script: dict[str, deque[Reply]] = defaultdict(deque)
        self.requests: list[Request] = []
        self.nonces_given: set[str] = set()
        self.nonces_used: list[str] = []
        self._open: set[socket.socket] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.base = f"https://127.0.0.1:{self._server.server_address[1]}"
        self.directory = {
            name: f"{self.base}/{name}"
            for name in ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange")
        }
        self.say("/directory", Reply(body=self.directory))
        self.say("/newNonce", Reply())
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def say(self, path: str, *replies: Reply) -> None:
        """Script the answers at a path, forgetting earlier ones."""
        self.script[path] = deque(replies)

    def stop(self) -> None:
        """End; connections that a client keeps open are cut, or each would keep a thread for as long as the tests run."""
        self._server.shutdown()
        self._server.server_close()
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def url(self, path: str) -> str:
        return self.base + path

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def next_reply(self, path: str) -> Reply:
        replies = self.script.get(path)
        if not replies:
            return Reply(404, b"", content_type="text/plain")
        return replies.popleft() if len(replies) > 1 else replies[0]

    def new_nonce(self) -> str:
        # Of 23 characters: not what encoding any bytes would give, and still a nonce to be sent back as it is.
        nonce = secrets.token_urlsafe(20)[:23]
        self.nonces_given.add(nonce)
        return nonce

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        ca = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                ca._open.add(self.connection)

            def finish(self) -> None:
                ca._open.discard(self.connection)
                super().finish()

            def handle_one(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                ca.requests.append(_read(self, self.rfile.read(length)))
                protected = ca.requests[-1].protected
                if "nonce" in protected:
                    ca.nonces_used.append(protected["nonce"])
                _write(self, ca, ca.next_reply(self.path))

            def do_GET(self) -> None:
                self.handle_one()

            def do_HEAD(self) -> None:
                self.handle_one()

            def do_POST(self) -> None:
                self.handle_one()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


def _read(handler: BaseHTTPRequestHandler, raw: bytes) -> Request:
    protected: dict[str, Any] = {}
    payload: Any = None
    if raw:
        signed = json.loads(raw)
        protected = json.loads(_decode(signed["protected"]))
        payload = json.loads(_decode(signed["payload"])) if signed["payload"] else None
    return Request(
        handler.command,
        handler.path,
        dict(handler.headers),
        protected,
        payload,
        raw,
        handler.client_address[1],
    )


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _write(handler: BaseHTTPRequestHandler, ca: RoughCa, reply: Reply) -> None:
    time.sleep(reply.sleeps)
    if reply.dies == "before":
        _reset(handler)
        return
    content = reply.content
    handler.send_response(reply.status)
    if reply.nonce is not None:
        handler.send_header("Replay-Nonce", ca.new_nonce() if reply.nonce == "fresh" else reply.nonce)
    handler.send_header("Content-Type", reply.content_type)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    if handler.command == "HEAD":
        return
    if reply.dies == "mid-body":
        handler.wfile.write(content[: len(content) // 2])
        handler.wfile.flush()
        _reset(handler)
        return
    try:
        handler.wfile.write(content)
    except OSError:
        handler.close_connection = True


def _reset(handler: BaseHTTPRequestHandler) -> None:
    """Close with a TCP reset, not politely."""
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
