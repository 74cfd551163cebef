"""May our CA issue for this name, by the domain owner's CAA records (RFC 8659)?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from identifiers import suffixes
from validation.answers import Answer
from validation.bare_suffixes import BareSuffixes
from validation.caa_records import CaaRecord, admitting, deciding_tag, verdict
from validation.problems import Finding
from validation.providers import recognised
from validation.resolver import Resolver

BARE = BareSuffixes()
_ALLOWING = frozenset({"caa_none", "caa_allows", "caa_no_issuer"})


@dataclass(frozen=True)
class CaaReport:
    """`allowed` is what to act on, `unknown` that nobody could be asked: told, but no reason to stop.

    `provider` keeps the DNS of `found_at` (validation/providers.py), where known. `records` is the relevant record set, at `found_at`; `reason` a slug of validation/problems.py; `record_to_add`
    the zone file line that would change the verdict, empty where adding one does not help.
    """

    name: str
    wildcard: bool
    allowed: bool
    reason: str
    unknown: bool = False
    records: tuple[CaaRecord, ...] = ()
    found_at: str = ""
    record_to_add: str = ""
    rcode: str = ""
    method: str = ""
    provider: str = ""

    @property
    def finding(self) -> Finding:
        return Finding(
            self.reason,
            in_place=self.allowed,
            seen=", ".join(record.text for record in self.records)[:500],
            facts={
                "name": self.name,
                "found_at": self.found_at,
                "rcode": self.rcode,
                "method": self.method,
                "zone": suffixes.registrable(self.found_at) if self.found_at else "",
                "provider": self.provider,
            },
            repair=self.record_to_add,
            remove=self.records_to_remove,
        )

    @property
    def records_to_remove(self) -> tuple[str, ...]:
        """What must go, whatever is added: a critical property that CAs do not know forbids all of them (RFC 8659 §4.1)."""
        return tuple(
            f"{self.found_at}. CAA {record.zone_text}" for record in self.records if record.unknown_critical
        )

    def for_method(self, method: str, issuers: Sequence[str], account_url: str | None) -> CaaReport:
        """Judge the same records once more, for this method only (RFC 8657 §4)."""
        reason = verdict(
            self.records, wildcard=self.wildcard, issuers=issuers, account_url=account_url, method=method
        )
        if self.unknown or reason in _ALLOWING:
            return self
        line = _line(
            self.found_at, self.records, reason, wildcard=self.wildcard, issuers=issuers,
            account_url=account_url, method=method,
        )  # fmt: skip
        return replace(self, allowed=False, reason=reason, method=method, record_to_add=line)

    @property
    def title(self) -> str:
        return self.finding.title

    @property
    def advice(self) -> str:
        return self.finding.advice


def permits(
    name: str,
    wildcard: bool,
    issuers: Sequence[str],
    *,
    account_url: str | None = None,
    method: str | None = None,
    resolver: Resolver | None = None,
) -> CaaReport:
    """Judge `name` (A-label without "*.") for a CA known by any of `issuers`; at most 8 seconds, never raises for DNS.

    `account_url` and `method` are compared with RFC 8657 parameters where given. A failed lookup allows, with
    `unknown` set: the CA will look for itself.
    """
    resolver = resolver or Resolver.configured()
    answer, failed = _relevant(name, resolver)
    if failed:
        return CaaReport(
            name,
            wildcard,
            allowed=True,
            unknown=True,
            reason="caa_unknown",
            found_at=answer.name,
            rcode=_why(answer),
        )
    records = tuple(CaaRecord.of(rdata.flags, rdata.tag, rdata.value) for rdata in answer.rdatas)
    reason = verdict(records, wildcard=wildcard, issuers=issuers, account_url=account_url, method=method)
    allowed = reason in _ALLOWING
    owner = answer.name if records else ""
    line = "" if allowed else _line(
        owner, records, reason, wildcard=wildcard, issuers=issuers, account_url=account_url, method=method
    )  # fmt: skip
    provider = None if allowed else recognised(resolver.name_servers(owner))
    return CaaReport(
        name, wildcard, allowed=allowed, reason=reason, records=records, found_at=owner, method=method or "",
        provider=provider.slug if provider else "",
        record_to_add=line,
    )  # fmt: skip


def _relevant(name: str, resolver: Resolver) -> tuple[Answer, bool]:
    """Climb from the name to its top-level domain; the first non-empty record set counts (RFC 8659 §3)."""
    labels = name.lower().removesuffix(".").split(".")
    answer = Answer(name=name, rdtype="CAA", zone="")
    for depth in range(len(labels)):
        at = ".".join(labels[depth:])
        if BARE.has(resolver.asks, at):
            continue
        answer = resolver.caa(at)
        if answer.loop or answer.bogus or not answer.answered:
            return answer, True
        if answer.rdatas:
            return answer, False
        BARE.learn(resolver.asks, at, answer)
    return answer, False


def _why(answer: Answer) -> str:
    if answer.loop:
        return "CNAME loop"
    return "DNSSEC" if answer.bogus else answer.rcode


def _line(
    owner: str,
    records: Sequence[CaaRecord],
    reason: str,
    *,
    wildcard: bool,
    issuers: Sequence[str],
    account_url: str | None,
    method: str | None,
) -> str:
    """The record that allows the first of our issuers, where the deciding records stand."""
    if reason == "caa_unknown_critical":
        return ""
    value = admitting(
        records, reason, wildcard=wildcard, issuers=issuers, account_url=account_url, method=method
    )
    return f'{owner}. CAA 0 {deciding_tag(records, wildcard=wildcard)} "{value}"'
