"""DNS servers as the settings name them."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

import dns.resolver
from django.core.exceptions import ImproperlyConfigured

from validation.answers import Server


def servers(texts: Iterable[str]) -> tuple[Server, ...]:
    """Read "host", "host:port" and "[v6]:port" from the settings. Raises ImproperlyConfigured."""
    return tuple(_server(text) for text in texts)


def _server(text: str) -> Server:
    host, port = text, "53"
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        port = (rest.removeprefix(":") or "53") if closed else ""
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        number = int(port)
        try:
            address = str(ipaddress.ip_address(host))
        except ValueError:
            # A service of the same installation (docker compose): the operator's own name for it.
            address = str(socket.getaddrinfo(host, number, type=socket.SOCK_DGRAM)[0][4][0])
    except (ValueError, OSError) as exc:
        raise ImproperlyConfigured(f"not a DNS server: {text!r}") from exc
    return Server(address, number)


def system_resolvers() -> tuple[Server, ...]:
    system = dns.resolver.Resolver(configure=True)
    return tuple(Server(str(address), system.port) for address in system.nameservers)
