"""The one engine behind every look: what the chosen method sees, whether CAA lets the CA in, and what others see.

A look delays the CA where it would fail. What may be our own or somebody's memory delays it only a little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from identifiers import suffixes
from identifiers.names import Name
from validation import caa, vantage
from validation.deadline import Deadline
from validation.diagnosis import dns as diagnosis
from validation.diagnosis.dns import Wanted
from validation.key_authorization import LABEL
from validation.methods import METHODS
from validation.methods.http_01 import Http01
from validation.models import Authorization, Challenge
from validation.models.authorization import Method
from validation.problems import Finding
from validation.providers import recognised
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
    if finding.slug == "in_place":
        finding = _remarked(finding, authorization)
    return _patient(finding, authorization.last_finding, now)


def _remarked(finding: Finding, authorization: Authorization) -> Finding:
    """Say beside it that a server leaves TCP out: many do, and CAs seldom need it, so that it holds nothing up.

    Asked only after a look that failed: what was in place at once is in no trouble that wants an explanation.
    """
    before = authorization.last_finding
    if authorization.method != Method.DNS or before is None or before.in_place:
        return finding
    deaf = Resolver.configured().without_tcp(f"{LABEL}.{authorization.identifier}")
    if not deaf:
        return finding
    facts = {**finding.facts, "without_tcp": ", ".join(str(server) for server in deaf)}
    return replace(finding, slug="dns_in_place_without_tcp", facts=facts)


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


@dataclass(frozen=True)
class Foresight:
    """What would keep a name from being shown before anything is published, as far as can be seen from here.

    `always` stands in the way of every method, `ways` holds by method what stands in the way of that one alone.
    `provider` keeps the DNS (a slug of validation/providers.py), "" for nobody we know.
    """

    always: Finding | None = None
    ways: Mapping[str, Finding] = field(default_factory=dict)
    provider: str = ""


def foresee_ways(
    name: Name, issuers: Sequence[str], *, account_url: str | None = None, seconds: float
) -> Foresight:
    """Look at DNS, at CAA for a CA known by any of `issuers`, and, unless for a wildcard, at the web server."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        web = None if name.wildcard else pool.submit(Http01().foresee, name.ascii, seconds)
        seen = Foresight() if name.is_ip else _foresee_dns(name, issuers, account_url, seconds)
        at_the_server = web.result() if web is not None else None
    if seen.always is not None or at_the_server is None:
        return seen
    return replace(seen, ways={Method.HTTP.value: at_the_server, **seen.ways})


def _foresee_dns(name: Name, issuers: Sequence[str], account_url: str | None, seconds: float) -> Foresight:
    resolver = Resolver.configured(Deadline(seconds))
    found = foresee(name, resolver)
    if found is not None:
        return Foresight(found)
    ways: dict[str, Finding] = {}
    if issuers:
        report = caa.permits(name.ascii, name.wildcard, issuers, account_url=account_url, resolver=resolver)
        if not report.allowed:
            return Foresight(report.finding, provider=report.provider)
        ways = _kept_out(report, issuers, account_url)
    provider = recognised(resolver.name_servers(name.ascii))
    return Foresight(None, ways, provider.slug if provider else "")


def _kept_out(report: caa.CaaReport, issuers: Sequence[str], account_url: str | None) -> dict[str, Finding]:
    """The methods that these CAA records, which let the CA in, do not (RFC 8657 §4)."""
    judged = {
        method: report.for_method(method, issuers, account_url)
        for method in (Method.HTTP.value, Method.DNS.value)
    }
    return {method: judgement.finding for method, judgement in judged.items() if not judgement.allowed}
