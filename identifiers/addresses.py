"""IP addresses as identifiers of a certificate (RFC 8738): one spelling, and only those that one host can have for itself."""

from __future__ import annotations

import ipaddress

from django.utils.translation import gettext as _

from identifiers.rules import BLANKS, UnacceptableName, shown

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_in(text: str) -> Address | None:
    """The address that a person wrote, in brackets or not; None for everything else, a network or a zone included."""
    bare = text.strip(BLANKS)
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
        if ":" not in bare:
            return None
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return None if getattr(address, "scope_id", None) else address


def canonical(text: str, *, allow_reserved: bool) -> str | None:
    """The address in its one spelling (RFC 5952), None if the text is no address. Raises UnacceptableName.

    `allow_reserved` lets addresses pass that are nobody's on the public Internet, for a sandbox.
    """
    address = address_in(text)
    if address is None:
        return None
    if not allow_reserved and not _public(address):
        message = _(
            "“%(name)s” is not a public address: nobody can show to a certificate authority that it is theirs."
        )
        raise UnacceptableName("private_address", text, message % {"name": shown(text)})
    return str(address)


def _public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        # An IPv4 address in an IPv6 one (mapped, 6to4, Teredo, NAT64) has a better spelling.
        nested = address.ipv4_mapped or address.sixtofour or address.teredo
        if nested is not None or address not in ipaddress.ip_network("2000::/3"):
            return False
    return address.is_global and not address.is_multicast
