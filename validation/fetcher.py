"""Fetches a page or a certificate from a customer's server without ever reaching a place it must not.

The name is resolved first, every address is judged, and the connection is made to the judged address itself, after
each redirect anew: a name that changes its mind between look and connect changes nothing.
"""

from __future__ import annotations

import errno
import http.client
import io
import ipaddress
import select
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from django.conf import settings
from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_ASN1, dump_certificate

from identifiers.names import Name
from outbound import call
from validation.addresses import IPNetwork, may_connect, networks
from validation.answers import Addresses
from validation.deadline import Deadline
from validation.reports import FetchReport, Hop, ServedChain
from validation.resolver import Resolver
from validation.untrusted import clean

SECONDS = 10.0
SECONDS_TO_CONNECT = 4.0
MOST_BODY = 4096
MOST_WIRE = 128 * 1024  # status line, headers, chunk framing and body together
MOST_REDIRECTS = 10
MOST_ADDRESSES = 6
MOST_CHAIN = 10
LONGEST_URL = 2000
# BR 3.2.2.4.19: any other way to send a client elsewhere ends the CA's walk.
REDIRECTS = frozenset({301, 302, 307, 308})
USER_AGENT = "Mozilla/5.0 (compatible; certificate validation pre-check)"
_NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_ORDINARY_PORTS = MappingProxyType({80: 80, 443: 443})


class Unreachable(Exception):
    """This address gives nothing usable; `slug` says why in the words of validation/problems.py."""

    def __init__(self, slug: str, detail: str = "") -> None:
        super().__init__(slug, detail)
        self.slug = slug
        self.detail = clean(detail, 200)


@dataclass(frozen=True)
class Fetcher:
    """`ports` maps the ports a URL may name to the ports that are dialled; any other port is refused."""

    resolver: Callable[[Deadline], Resolver] = Resolver.configured
    allowed: Sequence[IPNetwork] = ()
    ports: Mapping[int, int] = field(default_factory=lambda: _ORDINARY_PORTS)
    seconds: float = SECONDS

    @classmethod
    def configured(cls) -> Fetcher:
        """The fetcher of this installation's settings."""
        http_port, tls_port = settings.VALIDATION_HTTP_PORT, settings.INSTALLATION_TLS_PORT
        return cls(
            allowed=networks(settings.VALIDATION_ALLOWED_NETWORKS),
            ports={80: http_port, http_port: http_port, 443: tls_port, tls_port: tls_port},
        )

    def fetch(self, url: str) -> FetchReport:
        """Get the URL from the first address that answers, IPv6 before IPv4. Never raises for what a server does."""
        return self._first(url, Deadline(self.seconds))

    def fetch_each(self, url: str) -> list[FetchReport]:
        """Get the URL from every address of its name, at the same time; one report without an address if none."""
        deadline = Deadline(self.seconds)
        try:
            target = self._target(url)
            addresses = self._resolved(target.hostname or "", deadline)[:MOST_ADDRESSES]
        except Unreachable as failure:
            return [_failed(url, failure)]
        with ThreadPoolExecutor(max_workers=len(addresses)) as pool:
            return list(pool.map(lambda address: self._walk(target, (address,), deadline), addresses))

    def served_chain(self, name: str, port: int = 443) -> list[ServedChain]:
        """Shake hands with every address of the name and keep the certificates it shows; the port is dialled as is."""
        deadline = Deadline(self.seconds)
        try:
            if not _is_dns_name(name) and not Name.of(name).is_ip:
                raise Unreachable("http_bad_url", name)
            addresses = self._resolved(name, deadline)[:MOST_ADDRESSES]
        except Unreachable as failure:
            return [ServedChain(None, port, problem=failure.slug, detail=failure.detail)]
        with ThreadPoolExecutor(max_workers=len(addresses)) as pool:
            return list(pool.map(lambda address: self._shown(name, address, port, deadline), addresses))

    def would_follow(self, url: str) -> bool:
        """True where a redirect may lead to this URL: a DNS name at a port where the CA goes too."""
        try:
            self._target(url, redirected=True)
        except Unreachable:
            return False
        return True

    # --- walking ------------------------------------------------------------------------------------

    def _first(self, url: str, deadline: Deadline) -> FetchReport:
        try:
            target = self._target(url)
            return self._walk(target, self._resolved(target.hostname or "", deadline), deadline)
        except Unreachable as failure:
            return _failed(url, failure)

    def _walk(self, target: SplitResult, addresses: Sequence[str], deadline: Deadline) -> FetchReport:
        """Request from one of these addresses and follow redirects from there."""
        first_url = target.geturl()
        hops: list[Hop] = []
        while True:
            url = target.geturl()
            hops.append(Hop(url, addresses[0]))
            try:
                address, page = self._request_one_of(target, addresses, deadline)
                hops[-1] = Hop(url, address, page.status, clean(page.location, LONGEST_URL))
                if page.status not in REDIRECTS or not page.location:
                    return _arrived(first_url, hops, page)
                if len(hops) > MOST_REDIRECTS:
                    raise Unreachable("http_redirect_loop", page.location)
                target = self._target(_next_url(url, page.location), redirected=True)
                if any(hop.url == target.geturl() for hop in hops):
                    raise Unreachable("http_redirect_loop", target.geturl())
                addresses = self._resolved(target.hostname or "", deadline)
            except Unreachable as failure:
                return _failed(first_url, failure, hops)

    def _request_one_of(
        self, target: SplitResult, addresses: Sequence[str], deadline: Deadline
    ) -> tuple[str, _Page]:
        """The first page that comes, and from where. Raises Unreachable, for the last address tried."""
        for address in addresses[:-1]:
            try:
                return address, self._request(target, address, deadline)
            except Unreachable:
                continue
        return addresses[-1], self._request(target, addresses[-1], deadline)

    def _target(self, url: str, *, redirected: bool = False) -> SplitResult:
        """The URL in parts, with a port that may be used and a host that is a DNS name, or, not after a redirect,
        an IP address in its one spelling (RFC 8738 §4). Raises Unreachable.
        """
        wrong = "http_bad_redirect" if redirected else "http_bad_url"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as exc:
            raise Unreachable(wrong, url) from exc
        if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise Unreachable(wrong, url)
        if (
            parts.scheme not in ("http", "https")
            or "@" in parts.netloc
            or not (_is_dns_name(parts.hostname or "") or (not redirected and _is_address(parts)))
        ):
            raise Unreachable(wrong, url)
        if port is not None and port not in self.ports:
            raise Unreachable(wrong, url)
        return parts._replace(fragment="")

    def _resolved(self, name: str, deadline: Deadline) -> tuple[str, ...]:
        """The addresses of the name. Raises Unreachable when there is none, or none that may be reached."""
        if Name(name).is_ip:
            if not may_connect(name, self.allowed):
                raise Unreachable("http_private_address", name)
            return (name,)
        found = self.resolver(deadline).addresses(name)
        if not found.all:
            raise Unreachable(_why_no_address(found), name)
        if not any(may_connect(address, self.allowed) for address in found.all):
            raise Unreachable("http_private_address", ", ".join(found.all))
        return found.all

    def _connect(self, address: str, port: int, deadline: Deadline) -> socket.socket:
        """The one door out: judges the very address it dials, a literal that nothing resolves again."""
        if not may_connect(address, self.allowed):
            raise Unreachable("http_private_address", address)
        if deadline.passed:
            raise Unreachable("http_timeout", address)
        try:
            return socket.create_connection((address, port), timeout=deadline.at_most(SECONDS_TO_CONNECT))
        except TimeoutError as exc:
            raise Unreachable("http_timeout", address) from exc
        except ConnectionRefusedError as exc:
            raise Unreachable("http_refused", address) from exc
        except OSError as exc:
            raise Unreachable("http_no_route" if exc.errno in _NO_ROUTE else "http_closed", address) from exc

    # --- one address --------------------------------------------------------------------------------

    def _request(self, target: SplitResult, address: str, deadline: Deadline) -> _Page:
        port = self.ports[target.port or (443 if target.scheme == "https" else 80)]
        with call("web", "GET", address), self._connect(address, port, deadline) as plain:
            sock = _wrap(plain, target.hostname or "", deadline) if target.scheme == "https" else plain
            try:
                sock.settimeout(max(0.01, deadline.remaining))
                sock.sendall(_request_bytes(target))
                return _read_page(sock, deadline)
            except TimeoutError as exc:
                raise Unreachable("http_timeout", address) from exc
            except ConnectionError as exc:
                raise Unreachable("http_closed", address) from exc
            except ssl.SSLError as exc:
                raise Unreachable("http_tls_error", exc.reason or "") from exc
            except (http.client.HTTPException, ValueError) as exc:
                raise Unreachable("http_no_http", address) from exc
            except OSError as exc:
                raise Unreachable("http_closed", address) from exc
            finally:
                sock.close()

    def _shown(self, name: str, address: str, port: int, deadline: Deadline) -> ServedChain:
        try:
            with call("web", "TLS", address), self._connect(address, port, deadline) as sock:
                version, chain = _peek(sock, name, deadline)
        except Unreachable as failure:
            return ServedChain(address, port, problem=failure.slug, detail=failure.detail)
        return ServedChain(address, port, chain, version)


@dataclass(frozen=True)
class _Page:
    status: int
    location: str
    body: bytes
    truncated: bool


class _Metered(io.RawIOBase):
    """A socket's bytes, up to a number of them and a moment: a slow drip and an endless stream both come to an end."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._left = MOST_WIRE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        if self._deadline.passed:
            raise TimeoutError
        view = memoryview(buffer)[: self._left]  # type: ignore[arg-type]
        if not len(view):
            return 0
        self._sock.settimeout(self._deadline.remaining or 0.01)
        count = self._sock.recv_into(view)
        self._left -= count
        return count

    def makefile(self, mode: str) -> io.BufferedReader:
        """What http.client asks of a socket."""
        return io.BufferedReader(self)


def _wrap(sock: socket.socket, name: str, deadline: Deadline) -> ssl.SSLSocket:
    """TLS without looking at the certificate, as CAs do for http-01 redirects. Raises Unreachable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    sock.settimeout(deadline.remaining or 0.01)
    try:
        return context.wrap_socket(sock, server_hostname=name)
    except TimeoutError as exc:
        raise Unreachable("http_timeout", name) from exc
    except ssl.SSLError as exc:
        raise Unreachable("http_tls_error", exc.reason or "") from exc
    except OSError as exc:
        raise Unreachable("http_tls_error", "connection closed during the handshake") from exc


def _request_bytes(target: SplitResult) -> bytes:
    path = quote(target.path or "/", safe="/%:@!$&'()*+,;=-._~")
    query = f"?{quote(target.query, safe='/%:@!$&()*+,;=-._~?')}" if target.query else ""
    lines = [
        f"GET {path}{query} HTTP/1.1",
        f"Host: {target.netloc}",
        f"User-Agent: {USER_AGENT}",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _read_page(sock: socket.socket, deadline: Deadline) -> _Page:
    """Raises TimeoutError, ConnectionError, http.client.HTTPException, ValueError."""
    response = http.client.HTTPResponse(_Metered(sock, deadline), method="GET")  # type: ignore[arg-type]
    response.begin()
    location = response.headers.get("Location", "")[: LONGEST_URL + 1]
    if response.status in REDIRECTS:
        return _Page(response.status, location, b"", False)
    try:
        body = response.read(MOST_BODY + 1)
    except http.client.IncompleteRead as exc:
        body = exc.partial
    return _Page(response.status, location, body[:MOST_BODY], len(body) > MOST_BODY)


def _peek(sock: socket.socket, name: str, deadline: Deadline) -> tuple[str, tuple[bytes, ...]]:
    """Shake hands taking any version, cipher and certificate: what is wrong with them is for the reader to say."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_min_proto_version(SSL.TLS1_VERSION)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    sock.setblocking(False)
    connection = SSL.Connection(context, sock)
    if not Name(name).is_ip:  # RFC 6066 §3: no literal address in SNI
        connection.set_tlsext_host_name(name.encode("ascii"))
    connection.set_connect_state()
    while True:
        try:
            connection.do_handshake()
            break
        except (SSL.WantReadError, SSL.WantWriteError) as want:
            poller = select.poll()
            poller.register(sock, select.POLLIN if isinstance(want, SSL.WantReadError) else select.POLLOUT)
            if deadline.passed or not poller.poll(deadline.remaining * 1000):
                raise Unreachable("http_timeout", "during the TLS handshake") from None
        except (SSL.Error, SSL.SysCallError) as exc:
            raise Unreachable("http_tls_error", _reason(exc)) from exc
    chain = connection.get_peer_cert_chain() or []
    return connection.get_protocol_version_name(), tuple(
        dump_certificate(FILETYPE_ASN1, certificate) for certificate in chain[:MOST_CHAIN]
    )


def _reason(error: Exception) -> str:
    """OpenSSL's last word out of its list of (library, function, reason)."""
    queue = error.args[0] if error.args else None
    if isinstance(queue, list) and queue:
        return str(queue[-1][-1])
    return "connection closed during the handshake"


def _next_url(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as exc:
        raise Unreachable("http_bad_redirect", location) from exc


def _is_dns_name(host: str) -> bool:
    """True for a DNS name; CAs follow redirects to no IP address, and neither do its many spellings get by here."""
    labels = host.rstrip(".").split(".")
    if len(labels) < 2 or len(host) > 253 or labels[-1].isdigit() or labels[-1].startswith("0x"):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return all(
            0 < len(label) <= 63 and label.replace("-", "").replace("_", "").isalnum() for label in labels
        )
    return False


def _is_address(parts: SplitResult) -> bool:
    """True for an address written as `str(ip_address)` writes it: no octal, hexadecimal or shortened form."""
    host = parts.hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return str(address) == host and parts.netloc.startswith("[") == (address.version == 6)


def _why_no_address(found: Addresses) -> str:
    if found.loop:
        return "dns_cname_loop"
    if found.answered:
        return "http_no_address"
    return "dns_timeout" if found.rcode == "TIMEOUT" else "dns_servfail"


def _arrived(url: str, hops: Sequence[Hop], page: _Page) -> FetchReport:
    bad = 300 <= page.status < 400 and page.status != 304
    return FetchReport(
        url, tuple(hops), page.status, page.body, page.truncated,
        problem="http_bad_redirect" if bad else "", detail=clean(page.location, 200) if bad else "",
    )  # fmt: skip


def _failed(url: str, failure: Unreachable, hops: Sequence[Hop] = ()) -> FetchReport:
    status = hops[-1].status if hops else None
    return FetchReport(url, tuple(hops), status, problem=failure.slug, detail=failure.detail)
