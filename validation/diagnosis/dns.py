"""What DNS servers said about a TXT record, and what that comes to.

First what they say at the very name, then, when it is not there, at the names where providers' forms make it land.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from validation.answers import Answer, ServerAnswer
from validation.diagnosis.values import slip
from validation.key_authorization import LABEL
from validation.resolver import Resolver

# The usual ways to write the label wrongly.
_MISSPELLED = ("_acme_challenge", "_acmechallenge", "_acme-challange")
_MOST_PARENTS = 3


@dataclass(frozen=True)
class Diagnosis:
    """`slug` of validation/problems; `facts` for its sentences; `remove` the records that must go first."""

    slug: str
    facts: dict[str, Any] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """A TXT record that is to stand at `name`; `zone` is the registered domain; `identifier` is what it proves."""

    name: str
    value: str
    zone: str
    identifier: str
    key_authorization: str = ""


def at_the_name(answer: Answer, wanted: Wanted) -> Diagnosis:
    """What the servers' answers come to, before anything is looked for elsewhere."""
    if answer.loop:
        chain = (wanted.name, *answer.chain)
        return Diagnosis("dns_cname_loop", {"chain": " → ".join(chain)}, (_record(wanted.name, "CNAME"),))
    if not answer.answered:
        return _silence(answer, wanted)
    having = [server for server in answer.good if wanted.value in server.values]
    lacking = [str(server.server) for server in answer.good if wanted.value not in server.values]
    if having and (lacking or answer.lacking):
        return Diagnosis(
            "dns_some_servers", {"lacking": ", ".join(dict.fromkeys([*answer.lacking, *lacking]))}
        )
    if answer.bogus:
        return _bogus(answer)
    if having:
        return Diagnosis("in_place")
    if answer.values and not answer.chain:
        return Diagnosis("dns_wrong_value")
    if answer.chain:
        return Diagnosis("dns_cname_empty", {"target": answer.chain[-1]}, (_record(wanted.name, "CNAME"),))
    return _nothing(answer, wanted)


def _silence(answer: Answer, wanted: Wanted) -> Diagnosis:
    if answer.bogus:
        return _bogus(answer)
    if answer.chain:
        target = answer.chain[-1]
        slug = "dns_cname_empty" if answer.rcode == "NXDOMAIN" else "dns_cname_broken"
        return Diagnosis(slug, {"target": target}, (_record(wanted.name, "CNAME"),))
    if answer.rcode == "NXDOMAIN":
        return Diagnosis("dns_nxdomain_zone")
    words = {server.rcode for server in answer.servers}
    for word, slug in (("NO_TCP", "dns_no_tcp"), ("LAME", "dns_lame"), ("REFUSED", "dns_lame")):
        if words and words <= {word, "TIMEOUT", "UNREACHABLE"} and word in words:
            return Diagnosis(slug)
    return Diagnosis("dns_timeout" if answer.rcode in ("TIMEOUT", "UNREACHABLE") else "dns_servfail")


def _bogus(answer: Answer) -> Diagnosis:
    return Diagnosis("dns_bogus", {"why": answer.why or _why(answer.servers)})


def _why(servers: tuple[ServerAnswer, ...]) -> str:
    return next((server.why or server.rcode for server in servers if not server.answered), "SERVFAIL")


def _nothing(answer: Answer, wanted: Wanted) -> Diagnosis:
    """Tell a name without the record from a domain that does not exist: the "no" then comes from further up."""
    speakers = {server.soa for server in answer.good if server.soa} or {answer.zone}
    above = all(speaker and wanted.zone.endswith(f".{speaker}") for speaker in speakers)
    gone = above and answer.rcode == "NXDOMAIN"
    return Diagnosis("dns_nxdomain_zone" if gone else "dns_nothing")


def elsewhere(
    first: Diagnosis, answer: Answer, wanted: Wanted, resolver: Resolver, earlier: frozenset[str]
) -> Diagnosis:
    """Look for the usual slips: in the value itself, then at other names. `earlier` are values of former orders."""
    for seen in answer.values:
        nearly = slip(seen, wanted.value, wanted.key_authorization)
        if nearly:
            return Diagnosis(nearly)
    if any(wanted.value.lower() == link.partition(".")[0] for link in answer.chain):
        return Diagnosis("dns_cname_instead", {}, (_record(wanted.name, "CNAME"),))
    if earlier & set(answer.values):
        return Diagnosis("dns_stale_value", _target(answer), first.remove)
    astray = _astray(wanted, resolver, answer.zone or _speaker(answer))
    if astray is not None:
        return astray
    if answer.values or answer.chain:
        swallowed = _swallowed(answer, wanted, resolver)
        if swallowed is not None:
            return swallowed
    return Diagnosis(first.slug, first.facts | _target(answer), first.remove)


def _target(answer: Answer) -> dict[str, Any]:
    return {"target": answer.chain[-1]} if answer.chain else {}


def _speaker(answer: Answer) -> str:
    return next((server.soa for server in answer.good if server.soa), "")


def _astray(wanted: Wanted, resolver: Resolver, zone: str) -> Diagnosis | None:
    """The value, or nearly, at a name where a slip of the hand puts it."""
    for slug, name in _wrong_names(wanted, zone):
        there = resolver.txt_somewhere(name)
        if name == "" or there.chain:
            continue
        if wanted.value in there.values or any(slip(seen, wanted.value) for seen in there.values):
            facts = {"found_at": name, "elsewhere": wanted.value}
            return Diagnosis(slug, facts)
    return None


def _wrong_names(wanted: Wanted, zone: str) -> list[tuple[str, str]]:
    names = [("dns_doubled_host", f"{wanted.name}.{wanted.zone}")]
    if zone and zone not in (wanted.zone, wanted.identifier) and wanted.identifier.endswith(f".{zone}"):
        names.append(("dns_doubled_host", f"{wanted.name}.{zone}"))
    if wanted.identifier != wanted.zone:
        names.append(("dns_doubled_host", f"{wanted.name}.{wanted.identifier}"))
        names += [("dns_at_parent", f"{LABEL}.{parent}") for parent in _parents(wanted)]
    names += [
        ("dns_missing_underscore", wanted.name.removeprefix("_")),
        ("dns_at_apex", wanted.identifier),
        ("dns_at_www", f"{LABEL}.www.{wanted.identifier}"),
        ("dns_label_twice", f"{LABEL}.{wanted.name}"),
    ]
    return names + [("dns_misspelled_host", f"{label}.{wanted.identifier}") for label in _MISSPELLED]


def _parents(wanted: Wanted) -> list[str]:
    """The domains above the name, down to the registered one, the nearest first."""
    parents: list[str] = []
    name = wanted.identifier
    while name != wanted.zone and len(parents) < _MOST_PARENTS:
        name = name.partition(".")[2]
        parents.append(name)
    return parents


def _swallowed(answer: Answer, wanted: Wanted, resolver: Resolver) -> Diagnosis | None:
    """A wildcard record answers for every name below the domain, so for this one too."""
    nobody = resolver.txt_somewhere(f"_{secrets.token_hex(8)}.{wanted.identifier}")
    facts = {"wildcard": f"*.{wanted.identifier}"}
    if answer.chain and nobody.chain == answer.chain:
        return Diagnosis("dns_wildcard_cname", facts | _target(answer))
    if answer.values and not answer.chain and set(nobody.values) == set(answer.values):
        return Diagnosis("dns_wildcard_txt", facts)
    return None


def _record(name: str, record_type: str) -> str:
    return f"{name}. {record_type}"
