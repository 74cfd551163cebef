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
    return tuple(addresses_of(text)[0] for text in texts)


def addresses_of(text: str) -> tuple[Server, ...]:
    """Read one of them; a host name's addresses are looked up, there is at least one. Raises ImproperlyConfigured."""
    host, port = text, "53"
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        port = (rest.removeprefix(":") or "53") if closed else ""
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        number = int(port)
        try:
            addresses = [str(ipaddress.ip_address(host))]
        except ValueError:
            # A service of the same installation (docker compose): the operator's own name for it.
            found = socket.getaddrinfo(host, number, type=socket.SOCK_DGRAM)
            addresses = [str(one[4][0]) for one in found]
    except (ValueError, OSError) as exc:
        raise ImproperlyConfigured(f"not a DNS server: {text!r}") from exc
    return tuple(Server(address, number) for address in addresses)


def system_resolvers() -> tuple[Server, ...]:
    system = dns.resolver.Resolver(configure=True)
    return tuple(Server(str(address), system.port) for address in system.nameservers)
