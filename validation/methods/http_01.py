"""A file below /.well-known/acme-challenge/ (RFC 8555 §8.3): what to publish, and what each address answers."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from validation.deadline import Deadline
from validation.diagnosis import http as diagnosis
from validation.diagnosis.http import Wanted
from validation.fetcher import Fetcher
from validation.methods.base import Instruction, Text
from validation.models import Authorization, Challenge
from validation.problems import Finding
from validation.reports import FetchReport
from validation.untrusted import clean

FOLDER = "/.well-known/acme-challenge"
_SHOWN = 200
# So long an explanation is believed: to find it, other addresses of the site are asked, which its owner's logs show.
_EXPLAINED_FOR = timedelta(seconds=30)
# A whole look takes at most so many times what one page may: a worker is nobody's to hold, however many pages are asked.
_PAGES_OF_TIME = 1.5
_UNREACHABLE = frozenset({"http_timeout", "http_refused", "http_closed", "http_no_route"})
# What comes of asking for a file before it is there: as it should be; a page for whatever is asked; nothing to say here.
_NOT_THERE_YET = frozenset({"http_not_found", "http_status"})
_ANSWERS_ALL = frozenset({"http_html", "http_wrong_body", "http_echo", "http_too_large"})
_NO_WORD = frozenset({"http_no_route", "dns_timeout", "dns_servfail"})
# Where no file that could be put there is the cure.
_NO_LINE = frozenset({"http_no_address", "http_bad_url", "dns_cname_loop", "dns_timeout", "dns_servfail"})


@dataclass(frozen=True)
class Http01:
    """Proves exactly one name, never a wildcard (BR 3.2.2.4.19)."""

    slug: ClassVar[str] = "http-01"
    label: ClassVar[Text] = _("HTTP")
    available: ClassVar[bool] = True
    unavailable_why: ClassVar[Text] = ""
    make_fetcher: Callable[[], Fetcher] = Fetcher.configured

    def can_prove(self, identifier: str, wildcard: bool) -> bool:
        return not wildcard

    def instruction(self, challenge: Challenge, identifier: str) -> Instruction:
        path = f"{FOLDER}/{challenge.token}"
        return Instruction(
            kind="http",
            line=challenge.key_authorization,
            url=f"http://[{identifier}]{path}" if ":" in identifier else f"http://{identifier}{path}",
            path=path,
            folder=f"{FOLDER}/",
            file_name=challenge.token,
            content=challenge.key_authorization,
        )

    def look(self, authorization: Authorization, challenge: Challenge, now: datetime) -> Finding:
        told = self.instruction(challenge, authorization.identifier)
        wanted = Wanted(told.url, told.folder, told.file_name, told.content)
        fetcher = self.make_fetcher()
        deadline = Deadline(fetcher.seconds * _PAGES_OF_TIME)
        findings = [_finding(report, wanted) for report in fetcher.fetch_each(wanted.url)]
        finding = _together(findings, authorization.identifier)
        if finding.in_place:
            return finding
        return _explained(finding, wanted, fetcher, deadline, authorization, now)

    def foresee(self, identifier: str, seconds: float) -> Finding | None:
        """What would keep a file from being seen before there is any, None where nothing is known to."""
        token = secrets.token_urlsafe(32)
        host = f"[{identifier}]" if ":" in identifier else identifier
        wanted = Wanted(f"http://{host}{FOLDER}/{token}", f"{FOLDER}/", token, f"{token}.{token}")
        reports = replace(self.make_fetcher(), seconds=seconds).fetch_each(wanted.url)
        findings = [_foreseen(_finding(report, wanted)) for report in reports]
        # An address we have no route to (no IPv6 here) tells about us; DNS that fails is told of elsewhere.
        told = [finding for finding in findings if finding is None or finding.slug not in _NO_WORD]
        failing = [finding for finding in told if finding is not None]
        if len(failing) < len(told) and failing:
            there = failing[0]
            return replace(
                there,
                slug="http_address_down",
                facts={**there.facts, "there": there.title, "name": identifier},
            )
        return failing[diagnosis.loudest([finding.slug for finding in failing])] if failing else None


def _finding(report: FetchReport, wanted: Wanted) -> Finding:
    """What one address came to."""
    slug = diagnosis.slug_of(report, wanted)
    return Finding(
        slug,
        in_place=slug == "in_place",
        expected=wanted.content,
        seen=_seen(report),
        facts=_facts(report, wanted),
        repair="" if slug in _NO_LINE else wanted.content,
    )


def _foreseen(finding: Finding) -> Finding | None:
    """A finding about a file that nobody has put there yet; None where its absence is what one expects."""
    if finding.slug in _NOT_THERE_YET:
        return None
    slug = "http_answers_all" if finding.slug in _ANSWERS_ALL else finding.slug
    return replace(finding, slug=slug, expected="", repair="")


def _together(findings: list[Finding], identifier: str) -> Finding:
    """One finding for all addresses: the CA may choose any, so one that fails is one too many."""
    # An address we have no route to (no IPv6 here) tells about us, unless there is no other.
    told = [finding for finding in findings if finding.slug != "http_no_route"] or findings
    failing = [finding for finding in told if not finding.in_place]
    if not failing:
        return told[0]
    if len(failing) == len(told):
        return failing[diagnosis.loudest([finding.slug for finding in failing])]
    there = failing[0]
    address = str(there.facts["address"])
    away = there.slug in _UNREACHABLE and ":" in address
    # What nobody can reach has no business in public DNS; an old web server may still be somebody's.
    useless = away or there.slug == "http_private_address"
    kind = "AAAA" if ":" in address else "A"
    return replace(
        there,
        slug="http_ipv6" if away else "http_some_addresses",
        facts={**there.facts, "there": there.title, "name": identifier, "direct": there.slug},
        remove=(f"{identifier}. {kind} {address}",) if useless else (),
    )


def _explained(
    finding: Finding,
    wanted: Wanted,
    fetcher: Fetcher,
    deadline: Deadline,
    authorization: Authorization,
    now: datetime,
) -> Finding:
    """The same finding with its cause, where the site's other addresses tell; asked now and then, and at a click."""
    direct = [finding.slug, finding.facts["status"], finding.seen]
    before = authorization.last_finding
    if before is not None and before.facts.get("direct_look") == direct:
        asked = datetime.fromisoformat(str(before.facts["explained_at"]))
        clicked = authorization.asked_at is not None and authorization.asked_at > asked
        if now - asked < _EXPLAINED_FOR and not clicked:
            return before
    slug, found_at = diagnosis.explained(finding.slug, wanted, fetcher, deadline)
    ending = found_at.removeprefix(f"{wanted.folder}{wanted.token}")
    facts = {"found_at": found_at, "ending": ending, "direct_look": direct, "explained_at": now.isoformat()}
    return replace(finding, slug=slug, facts={**finding.facts, **facts})


def _seen(report: FetchReport) -> str:
    if report.problem:
        return report.detail
    return clean(report.body.strip()[:_SHOWN], _SHOWN)


def _facts(report: FetchReport, wanted: Wanted) -> dict[str, Any]:
    name = wanted.url.partition("://")[2].partition("/")[0]
    last = report.hops[-1] if report.hops else None
    first = report.hops[0] if report.hops else None
    return {
        "name": name,
        "zone": name,
        "address": (last.address if last else None) or report.address or "–",
        "status": report.status if report.status is not None else "–",
        "detail": report.detail,
        "url": wanted.url,
        "sent_to": clean(first.location, 200) if first else "",
        "folder": wanted.folder,
        "file_name": wanted.token,
        "hops": [
            {
                "url": clean(hop.url, 300),
                "status": hop.status,
                "address": hop.address,
                "location": clean(hop.location, 300),
            }
            for hop in report.hops
        ],
    }
