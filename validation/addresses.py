"""Which IP addresses may be connected to: public ones, and the operator's exceptions."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# The IANA special-purpose registries (RFC 6890) and multicast, whole. Python's own `is_global` is True for NAT64,
# 6to4, multicast and the 6to4 relays, so it is asked as well but never alone.
_SPECIAL_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_SPECIAL_V6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "::/96",
        "::ffff:0:0/96",
        "::ffff:0:0:0/96",
        "64:ff9b:1::/48",
        "100::/64",
        "100:0:0:1::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "2620:4f:8000::/48",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/9",
        "ff00::/8",
    )
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_TRANSLATED = ipaddress.IPv6Network("::ffff:0:0:0/96")  # RFC 2765: likewise


def networks(texts: Iterable[str]) -> tuple[IPNetwork, ...]:
    """Read CIDRs. Raises ValueError for what is none."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def embedded(address: IPAddress) -> tuple[ipaddress.IPv4Address, ...]:
    """The IPv4 addresses an IPv6 address leads to: mapped, compatible, NAT64, 6to4 and Teredo (server and client)."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address.sixtofour:
        return (address.sixtofour,)
    if address.teredo:
        return address.teredo
    if address in _NAT64 or address in _TRANSLATED or int(address) >> 32 == 0:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    return ()


def is_public(address: IPAddress) -> bool:
    """True if the address, and every IPv4 address inside it, is an ordinary host on the public Internet."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None or any(address in special for special in _SPECIAL_V6):
            return False
        if address not in _GLOBAL_UNICAST and address not in _NAT64:
            return False
        return all(is_public(inner) for inner in embedded(address))
    if any(address in special for special in _SPECIAL_V4):
        return False
    return address.is_global and not address.is_multicast


def may_connect(text: str, allowed: Sequence[IPNetwork]) -> bool:
    """True for a public address and for one inside the networks the operator allowed by name."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if is_public(address):
        return True
    return any(address in network for network in allowed if network.version == address.version)
