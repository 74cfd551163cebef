"""A file below /.well-known/acme-challenge/ (RFC 8555 §8.3): what to publish, and what each address answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from validation.fetcher import Fetcher
from validation.key_authorization import value_of
from validation.methods.base import Instruction, Text
from validation.models import Authorization, Challenge
from validation.problems import Finding
from validation.reports import FetchReport
from validation.untrusted import clean

FOLDER = "/.well-known/acme-challenge"
_BOM = b"\xef\xbb\xbf"
_SHOWN = 200


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
        wanted = self.instruction(challenge, authorization.identifier)
        fetcher = self.make_fetcher()
        findings = [_judge(report, wanted) for report in fetcher.fetch_each(wanted.url)]
        finding = _together(findings, wanted, authorization.identifier)
        if finding.slug == "http_not_found" and _right(fetcher.fetch(f"{wanted.url}.txt"), wanted):
            return Finding(
                "http_txt_extension", in_place=False, expected=finding.expected, seen=finding.seen,
                facts=finding.facts, repair=finding.repair,
            )  # fmt: skip
        return finding


def _right(report: FetchReport, wanted: Instruction) -> bool:
    """RFC 8555 §8.3: the body, whitespace at its end aside, with status 200."""
    if report.problem or report.status != 200 or report.truncated:
        return False
    return report.body.rstrip() == wanted.content.encode("ascii")


def _judge(report: FetchReport, wanted: Instruction) -> Finding:
    """What one address came to."""
    right = _right(report, wanted)
    slug = "in_place" if right else report.problem or _status(report) or _body(report, wanted)
    return Finding(
        slug,
        in_place=right,
        expected=wanted.content,
        seen=_seen(report),
        facts=_facts(report, wanted),
        repair=wanted.line,
    )


def _status(report: FetchReport) -> str:
    if report.status == 200:
        return ""
    if report.status in (404, 410):
        return "http_not_found"
    return "http_forbidden" if report.status in (401, 403, 451) else "http_status"


def _body(report: FetchReport, wanted: Instruction) -> str:
    body, content = report.body, wanted.content.encode("ascii")
    if body.removeprefix(_BOM).rstrip() == content and not report.truncated:
        return "http_bom"
    if body.strip() == value_of(wanted.content).encode("ascii"):
        return "http_dns_value"
    if wanted.file_name.encode("ascii") in body and content not in body:
        return "http_echo"
    return "http_too_large" if report.truncated else "http_wrong_body"


def _together(findings: list[Finding], wanted: Instruction, identifier: str) -> Finding:
    """One finding for all addresses: the CA may choose any, so one that fails is one too many."""
    # An address we have no route to (no IPv6 here) tells about us, unless there is no other.
    told = [finding for finding in findings if finding.slug != "http_no_route"] or findings
    failing = [finding for finding in told if not finding.in_place]
    if not failing:
        return told[0]
    if len(failing) == len(told):
        return max(failing, key=lambda finding: _LOUDNESS.get(finding.slug, 1))
    there = failing[0]
    return Finding(
        "http_some_addresses",
        in_place=False,
        expected=wanted.content,
        seen=there.seen,
        facts={**there.facts, "there": there.title, "name": identifier},
        repair=wanted.line,
    )


# Several addresses that fail differently: the one that got furthest says most.
_LOUDNESS = {"http_timeout": 0, "http_refused": 0, "http_private_address": 0, "http_no_route": -1}


def _seen(report: FetchReport) -> str:
    if report.problem:
        return report.detail
    return clean(report.body.strip()[:_SHOWN], _SHOWN)


def _facts(report: FetchReport, wanted: Instruction) -> dict[str, Any]:
    name = wanted.url.partition("://")[2].partition("/")[0]
    last = report.hops[-1] if report.hops else None
    return {
        "name": name,
        "zone": name,
        "address": (last.address if last else None) or report.address or "–",
        "status": report.status if report.status is not None else "–",
        "detail": report.detail,
        "url": wanted.url,
        "folder": wanted.folder,
        "file_name": wanted.file_name,
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
