"""A small web server on loopback, plain or TLS, whose pages can do anything a bad server does."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sandbox.free_ports import free_port
from tests.validation.closing import end

Page = Callable[[socket.socket, str], None]


def page(body: bytes | str, status: int = 200, **headers: str) -> Page:
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    wire = ("\r\n".join(lines) + "\r\n\r\n").encode() + content
    return lambda conn, _request: conn.sendall(wire)


def redirect(location: str, status: int = 301) -> Page:
    return page(b"", status, Location=location)


def raw(wire: bytes) -> Page:
    return lambda conn, _request: conn.sendall(wire)


def drip(wire: bytes, pause: float) -> Page:
    """One byte at a time, for as long as anybody listens."""

    def send(conn: socket.socket, _request: str) -> None:
        for position in range(len(wire)):
            conn.sendall(wire[position : position + 1])
            time.sleep(pause)

    return send


def endless(conn: socket.socket, _request: str) -> None:
    """A body that says it is a gigabyte, and sends until nobody reads."""
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    while True:
        conn.sendall(b"A" * 65536)


def silence(conn: socket.socket, _request: str) -> None:
    time.sleep(30)


def hang_up(conn: socket.socket, _request: str) -> None:
    """Close without a word."""


class FakeWeb:
    """Serves `pages` by path; `otherwise` is for any other path. `requests` keeps what came in."""

    def __init__(
        self, address: str = "127.0.0.1", port: int = 0, context: ssl.SSLContext | None = None
    ) -> None:
        self.address = address
        self.pages: dict[str, Page] = {}
        self.otherwise: Page = page("not found", 404)
        self.requests: list[str] = []
        self.connections = 0
        self._context = context
        self._closed = False
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.port = port or free_port()
        self._sock = socket.create_server((address, self.port), family=family, backlog=32)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed = True
        end([self._sock], [self._thread])

    def _serve(self) -> None:
        while not self._closed:
            try:
                conn, _peer = self._sock.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve_one, args=(conn,), daemon=True).start()

    def _serve_one(self, conn: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            conn.settimeout(10)
            if self._context is not None:
                conn = self._context.wrap_socket(conn, server_side=True)
            with conn:
                request = b""
                while b"\r\n\r\n" not in request:
                    piece = conn.recv(4096)
                    if not piece:
                        return
                    request += piece
                text = request.decode("latin-1")
                self.requests.append(text)
                path = text.split(" ")[1]
                self.pages.get(path, self.otherwise)(conn, text)


def tls_context(folder: Path, name: str) -> tuple[ssl.SSLContext, bytes]:
    """A server context with a self-signed certificate for `name`, and the certificate's DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key_pem)
    return context, certificate.public_bytes(serialization.Encoding.DER)
