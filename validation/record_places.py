"""Where a record that stands for ever goes: its zone, the host in it, and who keeps the DNS there."""

from __future__ import annotations

from typing import Any

from identifiers import suffixes
from validation.providers import recognised, relative
from validation.resolver import Resolver


def place_of(full_name: str, identifier: str, resolver: Resolver) -> dict[str, Any]:
    """Return the facts of a finding about the record `full_name` of `identifier`; `provider` is a slug, "" for nobody we know."""
    provider = recognised(resolver.name_servers(identifier))
    # A zone of its own below the registered domain changes what its form wants as the host.
    apex = resolver.authoritative(identifier).zone
    zone = apex if "." in apex and full_name.endswith(f".{apex}") else suffixes.registrable(identifier)
    host = provider.host_of(full_name, zone) if provider else relative(full_name, zone)
    return {"name": full_name, "host": host, "zone": zone, "provider": provider.slug if provider else ""}
