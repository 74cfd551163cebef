"""What a CA said about an order or a name, in words a customer can act on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ACME = "urn:ietf:params:acme:error:"

# RFC 8555 §6.7 and §8; whatever is not here is told in the CA's own words alone.
SENTENCES: dict[str, str | Promise] = {
    "dns": _(
        "The CA could not look the name up in DNS. Check that the domain’s name servers answer everywhere, and that the record was saved."
    ),
    "connection": _(
        "The CA could not connect to your web server on port 80. Check that it is running, that a firewall lets the whole world in, "
        "and that every A and AAAA record of the name leads to it."
    ),
    "unauthorized": _(
        "The CA looked and found something else than what it expected. Often an old value still stands there, or only some of your servers have the new one."
    ),
    "incorrectResponse": _(
        "The CA looked and found something else than what it expected. Compare the value letter by letter."
    ),
    "tls": _(
        "The CA reached your server but could not speak TLS with it. Check the redirect from http to https."
    ),
    "caa": _(
        "A CAA record of your domain forbids this CA to issue. Add the CA to your CAA records, or remove them, and try again."
    ),
    "rejectedIdentifier": _(
        "The CA does not issue for this name. Correct the names in step 1, or ask our support."
    ),
    "unsupportedIdentifier": _("The CA does not issue for this kind of name. Correct the names in step 1."),
    "badCSR": _(
        "The CA does not accept this CSR. Make a new one, or let us make key and CSR for you in step 1."
    ),
    "rateLimited": _(
        "The CA has had too many requests for this domain lately. We try again when it lets us."
    ),
    "urn:chancery:error:transport": _("The CA cannot be reached right now. We try again by ourselves."),
    "urn:chancery:error:unusableAnswer": _(
        "The CA gives answers that make no sense right now. We try again by ourselves."
    ),
    "badNonce": _("The CA gives answers that make no sense right now. We try again by ourselves."),
    "accountDoesNotExist": _("The CA no longer knows our account. We open it again by ourselves."),
    "serverInternal": _(
        "The CA has a problem of its own right now. Nothing is wrong on your side. We try again by ourselves."
    ),
}


@dataclass(frozen=True)
class Verdict:
    """`text` is ours ("" where we have no better words), `detail` the CA's own, to be shown escaped."""

    text: str
    detail: str
    slug: str


def verdict_of(problem: Mapping[str, Any] | None) -> Verdict | None:
    """Read a problem as certificates/issuance/problems.py stores it; None where there is none."""
    if not problem:
        return None
    slug = slug_of(problem)
    if slug.startswith("chancery:"):
        return Verdict(str(problem.get("detail", "")), "", slug)
    parts = [part for part in problem.get("subproblems") or () if isinstance(part, Mapping)]
    texts = [_of_name(part, SENTENCES.get(slug_of(part), "")) for part in parts]
    details = [str(problem.get("detail", "")), *(_of_name(part, part.get("detail", "")) for part in parts)]
    text = " ".join(filter(None, texts)) or str(SENTENCES.get(slug, ""))
    return Verdict(text, " ".join(filter(None, details)), slug)


def slug_of(problem: Mapping[str, Any]) -> str:
    return str(problem.get("type", "")).removeprefix(ACME)


def _of_name(part: Mapping[str, Any], said: object) -> str:
    """RFC 8555 §6.7.1: a subproblem speaks of one name, as a rule."""
    name = str(part.get("identifier") or "")
    return f"{name}: {said}" if said and name else str(said or "")
