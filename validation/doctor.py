"""The one engine behind every look: what the chosen method sees, whether CAA lets the CA in, and what others see.

A look delays the CA where it would fail. What may be our own or somebody's memory delays it only a little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from identifiers import suffixes
from identifiers.names import Name
from validation import vantage
from validation.diagnosis import dns as diagnosis
from validation.diagnosis.dns import Wanted
from validation.key_authorization import LABEL
from validation.methods import METHODS
from validation.models import Authorization, Challenge
from validation.problems import Finding
from validation.resolver import Resolver

# So long the CA is kept waiting for what may not trouble it at all.
PATIENCE = timedelta(minutes=2)
_MERELY_DELAYS = frozenset({"vantage_elsewhere", "dns_remembered"})
# What stands in the way of every method, and is there before anything is published.
_FORESEEN = frozenset(
    {"dns_nxdomain_zone", "dns_bogus", "dns_lame", "dns_servfail", "dns_timeout", "dns_no_tcp"}
)

Forbidden = Callable[[Authorization], Finding | None]


def examine(
    authorization: Authorization,
    challenge: Challenge,
    now: datetime,
    *,
    forbidden: Forbidden = lambda authorization: None,
) -> Finding:
    """Look as the CA will. `forbidden` gives the finding of CAA records that keep the CA out, None where they do not."""
    finding = METHODS[authorization.method].look(authorization, challenge, now)
    if finding.in_place:
        finding = forbidden(authorization) or finding
    if finding.in_place:
        finding = vantage.from_elsewhere(finding, authorization.identifier, challenge) or finding
    return _patient(finding, authorization.last_finding, now)


def _patient(finding: Finding, before: Finding | None, now: datetime) -> Finding:
    """Let the CA look after all when nothing but others' memory has stood in the way for a while."""
    if finding.slug not in _MERELY_DELAYS:
        return finding
    since = now
    if before is not None and before.slug in _MERELY_DELAYS and "since" in before.facts:
        since = datetime.fromisoformat(str(before.facts["since"]))
    facts = {**finding.facts, "since": since.isoformat()}
    return replace(finding, in_place=now - since >= PATIENCE, facts=facts)


def foresee(name: Name, resolver: Resolver | None = None) -> Finding | None:
    """What would keep every CA from this name whatever is published, None where nothing is known to. At most 8 seconds."""
    if name.is_ip:
        return None
    zone = suffixes.registrable(name.ascii)
    wanted = Wanted(f"{LABEL}.{name.ascii}", "", zone, name.ascii)
    answer = (resolver or Resolver.configured()).txt(wanted.name)
    if answer.chain:
        return None
    found = diagnosis.at_the_name(answer, wanted)
    if found.slug not in _FORESEEN:
        return None
    servers = ", ".join(str(server.server) for server in answer.servers)
    facts = {"name": name.text, "zone": answer.zone or zone, "servers": servers, "rcode": answer.rcode}
    return Finding(found.slug, in_place=False, facts=facts | found.facts)
