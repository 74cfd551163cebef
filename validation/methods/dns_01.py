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
from validation.key_authorization import LABEL, value_of
from validation.methods.base import Instruction, Text
from validation.models import Authorization, Challenge
from validation.problems import Finding
from validation.resolver import Resolver
from validation.untrusted import clean

TTL = 300
_QUOTES = "\"'“”„‘’«»`\\"
_ENOUGH = 10  # so many characters of a value are no coincidence


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
        wanted = self.instruction(challenge, authorization.identifier)
        resolver = self.make_resolver()
        answer = resolver.txt(wanted.full_name)
        slug, more = _judge(answer, wanted)
        if slug in ("dns_nothing", "dns_wrong_value", "dns_cname_empty"):
            slug, more = _explain(slug, answer, wanted, authorization, challenge, resolver)
        facts = _facts(answer, wanted, now) | more
        seen = ", ".join(answer.values) or str(more.get("elsewhere", ""))
        return Finding(
            slug,
            in_place=slug == "in_place",
            expected=wanted.value,
            seen=clean(seen),
            facts=facts,
            repair=wanted.line,
        )


def _judge(answer: Answer, wanted: Instruction) -> tuple[str, dict[str, Any]]:
    """What the servers' answers come to, before anything is looked for elsewhere."""
    if answer.loop:
        return "dns_cname_loop", {"chain": " → ".join(answer.chain)}
    if not answer.answered:
        return _silence(answer, wanted)
    having = [server for server in answer.good if wanted.value in server.values]
    lacking = [str(server.server) for server in answer.good if wanted.value not in server.values]
    if having and (lacking or answer.lacking):
        return "dns_some_servers", {"lacking": ", ".join([*answer.lacking, *lacking])}
    if answer.bogus:
        return "dns_bogus", {}
    if having:
        return "in_place", {}
    if answer.values:
        return "dns_wrong_value", {}
    if answer.chain:
        return "dns_cname_empty", {"target": answer.chain[-1]}
    return _nothing(answer, wanted), {}


def _silence(answer: Answer, wanted: Instruction) -> tuple[str, dict[str, Any]]:
    if answer.bogus:
        return "dns_bogus", {}
    if answer.rcode == "NXDOMAIN":
        return "dns_nxdomain_zone", {}
    return ("dns_timeout" if answer.rcode == "TIMEOUT" else "dns_servfail"), {}


def _nothing(answer: Answer, wanted: Instruction) -> str:
    """Tell a name without the record from a domain that does not exist: the "no" then comes from further up."""
    speakers = {server.soa for server in answer.good if server.soa} or {answer.zone}
    above = all(speaker and wanted.zone.endswith(f".{speaker}") for speaker in speakers)
    return "dns_nxdomain_zone" if above and answer.rcode == "NXDOMAIN" else "dns_nothing"


def _explain(
    slug: str,
    answer: Answer,
    wanted: Instruction,
    authorization: Authorization,
    challenge: Challenge,
    resolver: Resolver,
) -> tuple[str, dict[str, Any]]:
    """Look for the usual slips: in the value itself, then at the names where providers' forms make it land."""
    for seen in answer.values:
        nearly = _nearly(seen, wanted.value, challenge.key_authorization)
        if nearly:
            return nearly, {}
    if any(wanted.value.lower() == link.partition(".")[0] for link in answer.chain):
        return "dns_cname_instead", {}
    for misplaced, name in _wrong_names(wanted, authorization.identifier):
        there = resolver.txt(name)
        if wanted.value in there.values or any(_nearly(seen, wanted.value, "") for seen in there.values):
            return misplaced, {"found_at": name, "elsewhere": wanted.value}
    if slug == "dns_wrong_value" and _earlier_values(authorization, challenge) & set(answer.values):
        return "dns_stale_value", {}
    return slug, {"target": answer.chain[-1]} if answer.chain else {}


def _nearly(seen: str, wanted: str, key_authorization: str) -> str:
    """The slug for a value that was meant to be the wanted one, "" for any other."""
    bare = seen.strip()
    if bare.strip(_QUOTES).strip() == wanted and seen != wanted:
        return "dns_quotes" if bare != wanted else "dns_trailing_data"
    if wanted in seen and seen != wanted:
        return "dns_trailing_data"
    if seen != wanted and bare.lower() == wanted.lower():
        return "dns_case"
    if key_authorization and bare == key_authorization:
        return "dns_http_value"
    if len(bare) >= _ENOUGH and bare != wanted and wanted.startswith(bare):
        return "dns_cut_off"
    return ""


def _wrong_names(wanted: Instruction, identifier: str) -> list[tuple[str, str]]:
    names = [
        ("dns_doubled_host", f"{wanted.full_name}.{wanted.zone}"),
        ("dns_missing_underscore", wanted.full_name.removeprefix("_")),
        ("dns_at_apex", identifier),
    ]
    if identifier != wanted.zone:
        names.append(("dns_at_parent", f"{LABEL}.{identifier.partition('.')[2]}"))
    return names


def _earlier_values(authorization: Authorization, challenge: Challenge) -> set[str]:
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
    return {value_of(key) for key in earlier.values_list("key_authorization", flat=True)[:50] if key}


def _facts(answer: Answer, wanted: Instruction, now: datetime) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": wanted.full_name,
        "host": wanted.host,
        "zone": wanted.zone,
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
        facts["negative_until"] = (now + timedelta(seconds=min(answer.negative_ttl, 86400))).isoformat()
    return facts
