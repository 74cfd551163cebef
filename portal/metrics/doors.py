"""Who may read the figures: whoever holds the token, or stands in one of our networks. For all others there is no such page."""

from __future__ import annotations

import hmac
import ipaddress

from django.conf import settings


def may_read(authorization: str, address: str | None) -> bool:
    """`authorization` is the header as sent. False for everybody while neither METRICS_TOKEN nor METRICS_NETWORKS is set."""
    scheme, _space, token = authorization.partition(" ")
    wanted = settings.METRICS_TOKEN.encode()
    if wanted and scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), wanted):
        return True
    return address is not None and _is_ours(address)


def _is_ours(address: str) -> bool:
    try:
        here = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(here, ipaddress.IPv6Address) and here.ipv4_mapped:
        here = here.ipv4_mapped
    return any(here in ipaddress.ip_network(text) for text in settings.METRICS_NETWORKS)
