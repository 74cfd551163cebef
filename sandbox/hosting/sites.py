"""The customers' sites as visitors meet them: files by Host header, certificates by SNI."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.certs import self_signed, write_private
from sandbox.hosting.bundle import CERTIFICATE_PEM, Bundle
from sandbox.hosting.domains import Domains, domain_of
from sandbox.hosting.portal_door import PortalDoor
from sandbox.names import RecordRefused, read_name
from sandbox.pages import Pages

log = logging.getLogger(__name__)

NAMELESS = "localhost"
# Self-signed contexts are made per asked name; a scan of many names must not fill the memory.
MAX_DEFAULTS = 500


@dataclass(frozen=True)
class Installed:
    """A certificate as the panel lists it."""

    host: str
    names: list[str]
    issuer: str
    serial: str
    not_after: datetime
    chain_length: int

    def as_dict(self) -> dict[str, object]:
        """The certificate as JSON shows it."""
        return {**self.__dict__, "not_after": self.not_after.isoformat()}


class Certificates:
    """One PEM file (key and chain) per host in a folder only the owner can read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.contexts: dict[str, ssl.SSLContext] = {}
        self.defaults: dict[str, ssl.SSLContext] = {}
        for path in sorted(directory.glob("*.pem")):
            self.contexts[path.stem] = server_context(path)

    def install(self, host: str, bundle: Bundle) -> Installed:
        """Serve the bundle for `host` and, unless they have their own, the names below it."""
        path = self.directory / f"{host}.pem"
        write_private(path, bundle.pem.encode())
        self.contexts[host] = server_context(path)
        return self.describe(host)

    def remove(self, host: str) -> bool:
        """Go back to the self-signed default; whether there was something to remove."""
        # Only names that came through install() are ever part of a path.
        if self.contexts.pop(host, None) is None:
            return False
        (self.directory / f"{host}.pem").unlink(missing_ok=True)
        return True

    def describe(self, host: str) -> Installed:
        """What is installed for `host`; raises KeyError."""
        if host not in self.contexts:
            raise KeyError(host)
        text = (self.directory / f"{host}.pem").read_text()
        chain = [
            x509.load_pem_x509_certificate(match.group().encode()) for match in CERTIFICATE_PEM.finditer(text)
        ]
        issuer = chain[0].issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return Installed(
            host=host,
            names=Bundle(chain, "").names,
            issuer=str(issuer[0].value) if issuer else chain[0].issuer.rfc4514_string(),
            serial=f"{chain[0].serial_number:x}",
            not_after=chain[0].not_valid_after_utc,
            chain_length=len(chain),
        )

    def hosts(self) -> list[str]:
        """Hosts with an installed certificate."""
        return sorted(self.contexts)

    def of_domain(self, domain: str) -> list[Installed]:
        """What is installed under a domain of the panel."""
        return [self.describe(host) for host in self.hosts() if domain_of(host) == domain]

    def choose(self, host: str) -> ssl.SSLContext:
        """The TLS context for a visitor who asked for `host`: its own, its parent's, or a self-signed one."""
        labels = host.split(".")
        for start in range(len(labels)):
            installed = self.contexts.get(".".join(labels[start:]))
            if installed is not None:
                return installed
        return self.default(host)

    def default(self, host: str) -> ssl.SSLContext:
        """The self-signed context every host has before a certificate is installed."""
        if host not in self.defaults:
            if len(self.defaults) >= MAX_DEFAULTS:
                self.defaults.clear()
            path = self.directory / "default.new"
            write_private(path, self_signed([host], datetime.now(UTC)))
            self.defaults[host] = server_context(path)
            path.unlink()
        return self.defaults[host]

    def listening_context(self) -> ssl.SSLContext:
        """The context the TLS server listens with; it is exchanged per visitor by SNI (RFC 6066 §3)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        write_private(path := self.directory / "default.new", self_signed([NAMELESS], datetime.now(UTC)))
        context.load_cert_chain(str(path))
        path.unlink()
        context.sni_callback = self.on_server_name
        return context

    def on_server_name(
        self, connection: ssl.SSLObject, name: str | None, _listening: ssl.SSLContext
    ) -> int | None:
        """Put the right certificate on a connection that names its host."""
        if name is None:
            return None
        try:
            connection.context = self.choose(read_name(name))
        except RecordRefused:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        return None


def server_context(pem: Path) -> ssl.SSLContext:
    """A TLS server context for a PEM file of key and chain; raises ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(pem))
    return context


def sites(domains: Domains, certificates: Certificates, pages: Pages, portal: PortalDoor) -> Starlette:
    """The web server behind every customer's domain and the portal's own name, over HTTP and TLS alike."""

    async def visit(request: Request) -> Response:
        host = visited_host(request.headers)
        if host == portal.name:
            return await portal.visit(request)
        elsewhere = domains.redirected(host, request.url.path)
        if elsewhere:
            return RedirectResponse(elsewhere, status_code=301, headers={"Cache-Control": "no-store"})
        file = domains.file_at(host, request.url.path) if host else None
        if file is not None:
            return PlainTextResponse(file.content, headers={"Cache-Control": "no-store"})
        known = bool(host) and (
            host in domains.hosts() or host in certificates.contexts or domain_of(host) in domains.names
        )
        if request.url.path != "/":
            return PlainTextResponse(f"404: {host or 'this host'} has no such file.\n", status_code=404)
        return pages.render("site.html", host=host, known=known, secure=request.url.scheme == "https")

    return Starlette(routes=[Route("/{path:path}", visit, methods=["GET", "HEAD"])])


def visited_host(headers: Mapping[str, str]) -> str:
    """The host of a Host header, lower case and without its port; empty when it is no name."""
    try:
        return read_name(headers.get("host", "").rsplit(":", 1)[0])
    except RecordRefused:
        return ""
