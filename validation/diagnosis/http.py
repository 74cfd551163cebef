"""What a web server answered at the challenge's address, and what that comes to."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from validation.deadline import Deadline
from validation.fetcher import Fetcher
from validation.key_authorization import value_of
from validation.reports import FetchReport

_BOM = b"\xef\xbb\xbf"
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body|title|div|script)\b", re.IGNORECASE)
_SIGN_IN = re.compile(rb"type\s*=\s*[\"']?password", re.IGNORECASE)
_SIGN_IN_PATH = re.compile(r"log-?in|sign-?in|/auth|/sso|/account", re.IGNORECASE)
_QUOTES = b"\"'`"
_STATUS = {
    404: "http_not_found", 410: "http_not_found",
    401: "http_forbidden", 403: "http_forbidden", 451: "http_forbidden",
    429: "http_too_many",
}  # fmt: skip
_NOWHERE = frozenset({"http_no_address", "dns_cname_loop", "dns_timeout", "dns_servfail"})
_ENDINGS = (".txt", ".html")


@dataclass(frozen=True)
class Wanted:
    """A file with exactly `content` at `url`, which is `folder` and `token` below the host."""

    url: str
    folder: str
    token: str
    content: str

    @property
    def body(self) -> bytes:
        return self.content.encode("ascii")

    @property
    def origin(self) -> str:
        return self.url.removesuffix(f"{self.folder}{self.token}")


def is_right(report: FetchReport, wanted: Wanted) -> bool:
    """RFC 8555 §8.3: the body, whitespace at its end aside, with status 200."""
    if report.problem or report.status != 200 or report.truncated:
        return False
    return report.body.rstrip() == wanted.body


def slug_of(report: FetchReport, wanted: Wanted) -> str:
    """What one address came to, `in_place` when it is right."""
    if is_right(report, wanted):
        return "in_place"
    return _of_problem(report) or _of_status(report) or _of_body(report, wanted)


def _of_problem(report: FetchReport) -> str:
    """What cut the walk short; a name without an address that the site itself sends us to is the redirect's fault."""
    if report.problem in _NOWHERE and report.hops and report.hops[0].location:
        return "http_redirect_elsewhere"
    return report.problem


def _of_status(report: FetchReport) -> str:
    if report.status == 200:
        return ""
    if report.status in (404, 410) and len(report.hops) > 1 and not _keeps_path(report):
        return "http_redirect_elsewhere"
    server_error = report.status is not None and report.status >= 500
    return _STATUS.get(report.status or 0, "http_server_error" if server_error else "http_status")


def _of_body(report: FetchReport, wanted: Wanted) -> str:
    body = report.body
    if report.truncated and not _looks_html(body):
        return "http_too_large"
    return (
        _nearly(body, wanted)
        or _page(report, wanted)
        or ("http_html" if _looks_html(body) else "http_wrong_body")
    )


def _nearly(body: bytes, wanted: Wanted) -> str:
    """The slug for a body that was meant to be the wanted one, "" for any other."""
    content, bare = wanted.body, body.removeprefix(_BOM).strip()
    if bare == content:
        return "http_bom" if body.startswith(_BOM) else "http_whitespace"
    if _unpadded(body) == content:
        return "http_utf16"
    if b"".join(bare.split()) == content:
        return "http_whitespace"
    if bare.strip(_QUOTES).strip() == content:
        return "http_quotes"
    if bare == value_of(wanted.content).encode("ascii"):
        return "http_dns_value"
    if bare == wanted.token.encode("ascii"):
        return "http_token"
    if bare.lower() == content.lower():
        return "http_case"
    if content in body:
        return "http_html_around" if b"<" in body else "http_trailing_data"
    if re.fullmatch(re.escape(wanted.token).encode("ascii") + rb"\.[\w-]{1,60}", bare):
        return "http_cut_off" if content.startswith(bare) else "http_other_account"
    return ""


def _page(report: FetchReport, wanted: Wanted) -> str:
    """The slug for a page of the website's own, "" for anything else."""
    last = report.hops[-1].url if report.hops else ""
    if _SIGN_IN.search(report.body) or (len(report.hops) > 1 and _SIGN_IN_PATH.search(urlsplit(last).path)):
        return "http_login"
    if wanted.token.encode("ascii") in report.body:
        return "http_echo"
    if len(report.hops) > 1 and not _keeps_path(report):
        return "http_redirect_elsewhere"
    return ""


def _looks_html(body: bytes) -> bool:
    return _HTML.search(body[:2048]) is not None


def _unpadded(body: bytes) -> bytes:
    """A text in UTF-16, as the Windows PowerShell writes it, in plain letters."""
    if not body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return b""
    return body.decode("utf-16", "replace").strip().encode("ascii", "replace")


def _keeps_path(report: FetchReport) -> bool:
    """True if the last redirect still leads to a file of the token's name."""
    token = report.url.rpartition("/")[2]
    return token in report.hops[-1].url


def explained(slug: str, wanted: Wanted, fetcher: Fetcher, deadline: Deadline) -> tuple[str, str]:
    """Ask at other addresses of the same site why it is not there: a better slug, and where it was found.

    A site that is slow there is asked no further once the time is up: what was seen at the right address stands.
    """
    if slug == "http_not_found":
        for better, path in _wrong_places(wanted):
            there = _fetched(f"{wanted.origin}{path}", fetcher, deadline)
            if there is None:
                break
            if is_right(there, wanted):
                return better, path
    if slug in ("http_html", "http_wrong_body", "http_too_large"):
        other = _fetched(f"{wanted.origin}{wanted.folder}{secrets.token_urlsafe(32)}", fetcher, deadline)
        if other is not None and other.status == 200 and not other.problem:
            return "http_catch_all", ""
    return slug, ""


def _fetched(url: str, fetcher: Fetcher, deadline: Deadline) -> FetchReport | None:
    """What is there, within what is left; None when no time is."""
    if deadline.passed:
        return None
    return replace(fetcher, seconds=deadline.at_most(fetcher.seconds)).fetch(url)


def _wrong_places(wanted: Wanted) -> Iterator[tuple[str, str]]:
    folder, token = wanted.folder, wanted.token
    for ending in _ENDINGS:
        yield "http_txt_extension", f"{folder}{token}{ending}"
    yield "http_folder", f"{folder}{token}/{token}"
    for other in (
        "/",
        "/acme-challenge/",
        folder.replace("/.", "/"),
        "/.well-known/",
        "/.well-known/pki-validation/",
    ):
        yield "http_wrong_folder", f"{other}{token}"


def loudest(slugs: Sequence[str]) -> int:
    """The position of the finding that got furthest: of several addresses that fail differently it says most."""
    ranks = [_LOUDNESS.get(slug, 1) for slug in slugs]
    return ranks.index(max(ranks))


_LOUDNESS = {"http_timeout": 0, "http_refused": 0, "http_private_address": 0, "http_no_route": -1}
