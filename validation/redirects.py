"""A customer's web server sends the challenges of a name on to us: where to, by which line, and whether it does."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse

from validation.fetcher import Fetcher
from validation.models import Delegation
from validation.problems import Finding
from validation.reports import FetchReport

FOLDER = "/.well-known/acme-challenge"
SELF_TEST = "chancery-self-test"
# What comes of a DNS or web server that is not to be reached just now.
_NO_ANSWER = frozenset(
    {"dns_timeout", "dns_servfail", "http_timeout", "http_refused", "http_closed", "http_no_route"}
)


def arrive() -> bool:
    """True where a CA may be redirected to this portal: no bare host, no IP address, no port of its own."""
    return Fetcher.configured().would_follow(f"{_redirect_base()}/")


def _redirect_base() -> str:
    return str(settings.CHALLENGE_REDIRECT_URL or settings.PORTAL_URL)


def redirect_to(row: Delegation) -> str:
    """Return where the customer's web server sends challenges; the token follows after the last slash."""
    return f"{_redirect_base()}{reverse('challenge-redirect', args=[row.label, 'x'])[:-1]}"


def rules(row: Delegation) -> list[tuple[str, str]]:
    """Return (web server, the line of its configuration) for a redirect."""
    target, folder = redirect_to(row), FOLDER.replace(".", r"\.")
    return [
        ("Nginx", f"location ~ ^{folder}/(.+)$ {{ return 301 {target}$1; }}"),
        ("Apache", f"RedirectMatch 301 ^{folder}/(.+)$ {target}$1"),
    ]


def find(row: Delegation) -> Finding:
    """Look whether every address of the name sends our own question on to us."""
    reports = Fetcher.configured().fetch_each(f"http://{row.identifier}{FOLDER}/{SELF_TEST}")
    slug = _slug_of_redirect(reports, f"{SELF_TEST}.{row.label}".encode("ascii"))
    return Finding(
        slug,
        in_place=slug == "delegation_redirect_in_place",
        expected=redirect_to(row),
        seen=", ".join(f"{report.status or report.problem}" for report in reports)[:200],
        facts={"name": row.identifier, "folder": f"{FOLDER}/"},
        repair=redirect_to(row),
    )


def _slug_of_redirect(reports: Sequence[FetchReport], wanted: bytes) -> str:
    # An address we have no route to (no IPv6 here) tells about us, unless there is no other.
    told = [report for report in reports if report.problem != "http_no_route"] or reports
    wrong = [report for report in told if report.status != 200 or report.body.strip() != wanted]
    if not wrong:
        return "delegation_redirect_in_place"
    # A server that is down, here or there, does not say that its redirect was taken away.
    return "delegation_unknown" if all(map(_says_nothing, wrong)) else "delegation_redirect_missing"


def _says_nothing(report: FetchReport) -> bool:
    return report.problem in _NO_ANSWER or (report.status is not None and report.status >= 500)
