"""CAA records read by their grammar (RFC 8659 §4) and judged for one issuer (RFC 8659 §4.3, RFC 8657)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from validation.untrusted import clean

CRITICAL = 128
# What CAs evaluate or may ignore when critical; any other tag with the critical flag forbids issuance (§4.1).
KNOWN_TAGS = frozenset({"issue", "issuewild", "iodef", "issuemail"})
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)
_PARAMETER = re.compile(r"([a-z0-9](?:-*[a-z0-9])*)[ \t]*=[ \t]*([\x21-\x3a\x3c-\x7e]*)", re.IGNORECASE)


@dataclass(frozen=True)
class CaaRecord:
    """One record; `tag` in lower case, `value` cleaned for showing, `raw` as it came."""

    flags: int
    tag: str
    value: str
    raw: str

    @classmethod
    def of(cls, flags: int, tag: bytes, value: bytes) -> CaaRecord:
        # Latin-1 keeps every byte apart, so that nothing outside ASCII can turn into something the grammar allows.
        raw = value.decode("latin-1")
        return cls(flags, clean(tag.decode("latin-1"), 30).lower(), clean(value, 300), raw)

    @property
    def text(self) -> str:
        return f'{self.flags} {self.tag} "{self.value}"'

    @property
    def unknown_critical(self) -> bool:
        return bool(self.flags & CRITICAL) and self.tag not in KNOWN_TAGS


@dataclass(frozen=True)
class Issuer:
    """An issue or issuewild value: who may issue ("" for nobody), and under which parameters, in order."""

    domain: str
    parameters: tuple[tuple[str, str], ...]

    def named(self, parameter: str) -> list[str]:
        return [value for tag, value in self.parameters if tag == parameter]


class Malformed(ValueError):
    """The value does not follow the grammar; such a record allows nobody (RFC 8659 §4.2)."""


def issuer(value: str) -> Issuer:
    """Read `issue-value` of RFC 8659 §4.2. Raises Malformed."""
    domain, semicolon, rest = value.partition(";")
    domain = domain.strip(" \t")
    if domain and not _DOMAIN.fullmatch(domain):
        raise Malformed(value)
    parts = [part.strip(" \t") for part in rest.split(";")] if semicolon else []
    if parts and not parts[-1]:
        parts.pop()  # "ca.example;" and "ca.example; a=b;": CAs forgive the last semicolon
    parameters = []
    for part in parts:
        found = _PARAMETER.fullmatch(part)
        if found is None:
            raise Malformed(value)
        parameters.append((found[1].lower(), found[2]))
    return Issuer(domain.lower(), tuple(parameters))


def verdict(
    records: Sequence[CaaRecord],
    *,
    wildcard: bool,
    issuers: Sequence[str],
    account_url: str | None,
    method: str | None,
) -> str:
    """The slug of validation/problems.py that this relevant record set comes to for these issuers."""
    if any(record.unknown_critical for record in records):
        return "caa_unknown_critical"
    tag = "issuewild" if wildcard and any(record.tag == "issuewild" for record in records) else "issue"
    deciding = [record for record in records if record.tag == tag]
    if not deciding:
        return "caa_none"
    if not issuers:
        return "caa_no_issuer"
    ours = {name.lower().removesuffix(".") for name in issuers}
    reasons = [_one(record, ours, account_url, method) for record in deciding]
    # The kindest reason is the one to tell: the record that comes closest to allowing us.
    order = ("caa_allows", "caa_method", "caa_account", "caa_malformed", "caa_other_issuer", "caa_forbids")
    best = min(reasons, key=order.index)
    refused_by_wild = tag == "issuewild" and best in ("caa_other_issuer", "caa_forbids")
    return "caa_wildcard" if refused_by_wild else best


def _one(record: CaaRecord, ours: set[str], account_url: str | None, method: str | None) -> str:
    try:
        named = issuer(record.raw)
    except Malformed:
        return "caa_malformed"
    if not named.domain:
        return "caa_forbids"
    if named.domain not in ours:
        return "caa_other_issuer"
    accounts = named.named("accounturi")
    # RFC 8657 §3: several accounturi are never satisfied.
    if accounts and account_url is not None and accounts != [account_url]:
        return "caa_account"
    methods = named.named("validationmethods")
    if methods and method is not None and (len(methods) > 1 or method not in methods[0].split(",")):
        return "caa_method"
    return "caa_allows"
