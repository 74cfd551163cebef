"""A TXT record at _acme-challenge (RFC 8555 §8.4): what to publish, and what the zone's own servers say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from identifiers import suffixes
from identifiers.names import Name
from validation.answers import Answer
from validation.diagnosis import dns as diagnosis
from validation.diagnosis.dns import Diagnosis, Wanted
from validation.key_authorization import LABEL, value_of
from validation.methods.base import Instruction, Text
from validation.models import Authorization, Challenge
from validation.problems import Finding
from validation.providers import recognised, relative
from validation.resolver import Resolver
from validation.untrusted import clean

TTL = 300
# What is looked for elsewhere: nothing that could be published is the cause of the others.
_UNEXPLAINED = frozenset({"dns_nothing", "dns_wrong_value", "dns_cname_empty"})
_EXPLAINED_FOR = timedelta(seconds=30)
# Where no line that could be published at the name is the cure.
_NO_LINE = frozenset(
    {
        "dns_bogus",
        "dns_servfail",
        "dns_timeout",
        "dns_lame",
        "dns_no_tcp",
        "dns_nxdomain_zone",
        "dns_some_servers",
    }
)


@dataclass(frozen=True)
class Dns01:
    """Proves single names and wildcards alike."""

    slug: ClassVar[str] = "dns-01"
    label: ClassVar[Text] = _("DNS TXT Record")
    available: ClassVar[bool] = True
    unavailable_why: ClassVar[Text] = ""
    make_resolver: Callable[[], Resolver] = Resolver.configured

    def can_prove(self, identifier: str, wildcard: bool) -> bool:
        # RFC 8738 §7: there is no DNS record of an address that the CA would ask for.
        return not Name(identifier).is_ip

    def instruction(self, challenge: Challenge, identifier: str) -> Instruction:
        zone = suffixes.registrable(identifier)
        full_name = f"{LABEL}.{identifier}"
        value = value_of(challenge.key_authorization)
        return Instruction(
            kind="dns",
            line=f'{full_name}. {TTL} IN TXT "{value}"',
            record_type="TXT",
            zone=zone,
            host=full_name.removesuffix(f".{zone}"),
            full_name=full_name,
            value=value,
            ttl=TTL,
        )

    def look(self, authorization: Authorization, challenge: Challenge, now: datetime) -> Finding:
        told = self.instruction(challenge, authorization.identifier)
        wanted = Wanted(
            told.full_name, told.value, told.zone, authorization.identifier, challenge.key_authorization
        )
        resolver = self.make_resolver()
        answer = resolver.txt(wanted.name)
        found = diagnosis.at_the_name(answer, wanted)
        seen = clean(", ".join(answer.values))
        direct = [found.slug, seen, list(answer.chain)]
        before = authorization.last_finding
        if found.slug in _UNEXPLAINED:
            if before is not None and _explains(before, direct, authorization, now):
                return before
            earlier = _earlier_values(authorization, challenge)
            found = diagnosis.elsewhere(found, answer, wanted, resolver, earlier)
        elif found.slug == "in_place":
            found = _still_remembered(wanted, resolver, now)
        # A zone changes its servers seldom, and its page must not change its words when the value is seen.
        hosts = tuple(before.facts.get("name_servers", ())) if before is not None else ()
        if not hosts and found.slug != "in_place":
            hosts = resolver.name_servers(wanted.name)
        looked = {"direct_look": direct, "explained_at": now.isoformat()}
        return Finding(
            found.slug,
            in_place=found.slug == "in_place",
            expected=wanted.value,
            seen=seen or str(found.facts.get("elsewhere", "")),
            facts=_facts(answer, told, now, hosts) | found.facts | looked,
            repair="" if found.slug in _NO_LINE else told.line,
            remove=found.remove,
        )


def _explains(before: Finding, direct: list[Any], authorization: Authorization, now: datetime) -> bool:
    """True if the same was seen moments ago and explained then: a dozen other names are asked for an explanation."""
    if before.facts.get("direct_look") != direct:
        return False
    explained = datetime.fromisoformat(str(before.facts["explained_at"]))
    clicked = authorization.asked_at is not None and authorization.asked_at > explained
    return now - explained < _EXPLAINED_FOR and not clicked


def _still_remembered(wanted: Wanted, resolver: Resolver, now: datetime) -> Diagnosis:
    """It is there; does anybody not believe it, or still say no, and until when?"""
    why = resolver.fails_dnssec(wanted.name)
    if why:
        return Diagnosis("dns_bogus", {"why": why})
    for reply in resolver.txt_publicly(wanted.name):
        if reply.answered and not reply.target and wanted.value not in reply.values:
            left = reply.negative_ttl if reply.negative_ttl is not None else reply.ttl
            facts: dict[str, Any] = {"resolver": str(reply.server)}
            if left is not None:
                facts["negative_until"] = _moment(now, left)
            return Diagnosis("dns_remembered", facts)
        if reply.bogus:
            return Diagnosis("dns_bogus", {"why": reply.why or reply.rcode})
    return Diagnosis("in_place")


def _moment(now: datetime, seconds: int) -> str:
    return (now + timedelta(seconds=min(seconds, 86400))).isoformat()


def _earlier_values(authorization: Authorization, challenge: Challenge) -> frozenset[str]:
    """The values this customer was shown for this name before."""
    earlier = (
        Challenge.objects.filter(
            type=challenge.type,
            authorization__owner=authorization.owner_id,
            authorization__identifier=authorization.identifier,
        )
        .exclude(pk=challenge.pk)
        .order_by("-pk")
    )
    return frozenset(value_of(key) for key in earlier.values_list("key_authorization", flat=True)[:50] if key)


def _facts(answer: Answer, told: Instruction, now: datetime, hosts: tuple[str, ...]) -> dict[str, Any]:
    provider = recognised(hosts)
    apex = answer.zone or next((server.soa for server in answer.good if server.soa), "")
    # A zone of its own below the registered domain changes what its form wants as the host.
    zone = apex if not answer.chain and told.full_name.endswith(f".{apex}") and "." in apex else told.zone
    facts: dict[str, Any] = {
        "name": told.full_name,
        "host": provider.host_of(told.full_name, zone) if provider else relative(told.full_name, zone),
        "zone": zone,
        "provider": provider.slug if provider else "",
        "name_servers": list(hosts[:4]),
        "rcode": answer.rcode,
        "servers": ", ".join(str(server.server) for server in answer.servers),
        "answers": [
            {
                "server": str(server.server),
                "rcode": server.rcode,
                "values": [clean(v, 100) for v in server.values[:5]],
            }
            for server in answer.servers
        ],
    }
    if answer.chain:
        facts["chain"] = " → ".join(answer.chain)
    if answer.negative_ttl:
        facts["negative_until"] = _moment(now, answer.negative_ttl)
    return facts
