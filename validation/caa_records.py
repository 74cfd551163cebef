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
_METHOD = re.compile(r"[a-z0-9-]+", re.IGNORECASE)
# What would end the quoted string of a zone file line.
_UNQUOTABLE = re.compile(r'["\\]')
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
    def zone_text(self) -> str:
        """As a zone file has it."""
        return f'{self.flags} {self.tag} "{_UNQUOTABLE.sub(lambda found: chr(92) + found[0], self.value)}"'

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
    tag = deciding_tag(records, wildcard=wildcard)
    deciding = [record for record in records if record.tag == tag]
    if not deciding:
        return "caa_none"
    if not issuers:
        return "caa_no_issuer"
    ours = _normal(issuers)
    reasons = [_one(record, ours, account_url, method) for record in deciding]
    # The kindest reason is the one to tell: the record that comes closest to allowing us.
    order = ("caa_allows", "caa_method", "caa_account", "caa_malformed", "caa_other_issuer", "caa_forbids")
    best = min(reasons, key=order.index)
    refused_by_wild = tag == "issuewild" and best in ("caa_other_issuer", "caa_forbids")
    return "caa_wildcard" if refused_by_wild else best


def deciding_tag(records: Sequence[CaaRecord], *, wildcard: bool) -> str:
    """The property that decides: issuewild for wildcards where there is one, else issue (RFC 8659 §4.3)."""
    return "issuewild" if wildcard and any(record.tag == "issuewild" for record in records) else "issue"


def admitting(
    records: Sequence[CaaRecord],
    reason: str,
    *,
    wildcard: bool,
    issuers: Sequence[str],
    account_url: str | None,
    method: str | None,
) -> str:
    """The issue-value that lets us in where `reason` says that these records do not.

    An owner who let our CA in under conditions (RFC 8657) keeps them: ours are put into them, none is lifted.
    """
    if reason not in ("caa_account", "caa_method"):
        return issuers[0]
    tag, ours = deciding_tag(records, wildcard=wildcard), _normal(issuers)
    closest = next(
        issuer(record.raw)
        for record in records
        if record.tag == tag and _one(record, ours, account_url, method) == reason
    )
    conditions = [
        f"{name}={value}"
        for name, value in closest.parameters
        if name not in ("accounturi", "validationmethods") and not _UNQUOTABLE.search(value)
    ]
    accounts = closest.named("accounturi")
    if accounts:
        conditions.append(f"accounturi={account_url or accounts[0]}")
    methods = [word for value in closest.named("validationmethods") for word in value.split(",")]
    if methods:
        known = [word for word in methods if _METHOD.fullmatch(word)]
        conditions.append(
            f"validationmethods={','.join(dict.fromkeys([*known, *([method] if method else [])]))}"
        )
    return "; ".join([closest.domain, *conditions])


def _normal(issuers: Sequence[str]) -> set[str]:
    return {name.lower().removesuffix(".") for name in issuers}


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
