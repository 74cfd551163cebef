"""ACME objects read leniently: JSON a stranger sent on one side, our frozen values on the other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from acme import messages

from certificates.connectors.base import (
    AccountFacts,
    AccountStatus,
    AuthorizationFacts,
    AuthorizationStatus,
    ChallengeFacts,
    ChallengeStatus,
    DirectoryFacts,
    Identifier,
    OrderFacts,
    OrderStatus,
    RenewalFacts,
)
from certificates.connectors.problems import LOCAL_PREFIX, Problem, ProtocolViolation, Subproblem, clean
from certificates.connectors.rfc8555.headers import https_url, require_https, web_url
from certificates.connectors.rfc8555.signing import usable_token

# RFC 7807 §3.1: what a problem without a type has.
BLANK_TYPE = "about:blank"
_LIST_LIMIT = 1000
_LONGEST_URL = 500
# Types whose answer is built from the token; a token we cannot use must not go unnoticed there.
_TOKEN_TYPES = frozenset({"http-01", "dns-01"})
_PEM_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")

StatusT = TypeVar("StatusT", OrderStatus, AuthorizationStatus, ChallengeStatus, AccountStatus)


def _status(words: type[StatusT], value: object) -> StatusT:
    try:
        return words(str(value))
    except ValueError:
        return words("unknown")


def _list(value: object) -> list[Any]:
    return value[:_LIST_LIMIT] if isinstance(value, list) else []


def _texts(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list | tuple) else []
    return tuple(text for item in items[:_LIST_LIMIT] if (text := clean(item, 500)))


def moment(value: object) -> datetime | None:
    """An RFC 3339 time as aware UTC, None if absent or unreadable."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def read_identifier(value: object) -> Identifier:
    """An identifier of any type; fields that are missing are empty."""
    fields = value if isinstance(value, dict) else {}
    return Identifier(value=clean(fields.get("value"), 300), type=clean(fields.get("type"), 50))


def read_problem(
    document: Mapping[str, Any],
    *,
    status: int = 0,
    terms_of_service: str | None = None,
    help_url: str | None = None,
    retry_at: datetime | None = None,
) -> Problem:
    """A problem document as text that is safe to show; never raises."""
    said = document.get("status")
    return Problem(
        typ=clean(document.get("type"), 200) or BLANK_TYPE,
        detail=clean(document.get("detail")) or clean(document.get("title")),
        status=status or (said if isinstance(said, int) and 0 <= said <= 999 else 0),
        subproblems=tuple(_subproblem(item) for item in _list(document.get("subproblems"))[:100]),
        instance=web_url(document.get("instance")),
        terms_of_service=terms_of_service,
        help=help_url,
        retry_at=retry_at,
    )


def _subproblem(value: object) -> Subproblem:
    fields = value if isinstance(value, dict) else {}
    return Subproblem(
        typ=clean(fields.get("type"), 200) or BLANK_TYPE,
        detail=clean(fields.get("detail")) or clean(fields.get("title")),
        identifier=read_identifier(fields.get("identifier")).value,
    )


def _problem_within(value: object) -> Problem | None:
    return read_problem(value) if isinstance(value, dict) and value else None


def read_directory(directory: messages.Directory, document: Mapping[str, Any]) -> DirectoryFacts:
    """What a parsed directory says about the CA; `document` is its JSON before parsing."""
    meta = directory["meta"]
    profiles = meta.profiles if isinstance(meta.profiles, Mapping) else {}
    return DirectoryFacts(
        terms_of_service=web_url(meta.terms_of_service),
        website=web_url(meta.website),
        caa_identities=_texts(meta.caa_identities),
        external_account_required=meta.external_account_required is True,
        profiles={clean(name, 100): clean(text, 500) for name, text in list(profiles.items())[:100]},
        has_renewal_info=https_url(document.get("renewalInfo")) is not None,
        has_new_authz=https_url(document.get("newAuthz")) is not None,
        has_key_change=https_url(document.get("keyChange")) is not None,
    )


def read_account(document: Mapping[str, Any], *, url: str) -> AccountFacts:
    """An account object (RFC 8555 §7.1.2). A CA that repeats no status has just accepted the account."""
    return AccountFacts(
        url=url,
        status=_status(AccountStatus, document.get("status", "valid")),
        contact=_texts(document.get("contact")),
        orders_url=https_url(document.get("orders"), base=url),
    )


def read_order(document: Mapping[str, Any], *, url: str, retry_at: datetime | None) -> OrderFacts:
    """An order object (RFC 8555 §7.1.3); raises `ProtocolViolation` for an URL that is not https."""
    finalize, certificate = document.get("finalize"), document.get("certificate")
    return OrderFacts(
        url=url,
        status=_status(OrderStatus, document.get("status")),
        identifiers=tuple(read_identifier(item) for item in _list(document.get("identifiers"))),
        authorization_urls=tuple(
            require_https(item, "authorization URL", base=url)
            for item in _list(document.get("authorizations"))
        ),
        finalize_url=require_https(finalize, "finalize URL", base=url) if finalize else None,
        certificate_url=require_https(certificate, "certificate URL", base=url) if certificate else None,
        expires=moment(document.get("expires")),
        problem=_problem_within(document.get("error")),
        retry_at=retry_at,
        profile=clean(document.get("profile"), 100) or None,
    )


def read_challenge(
    document: Mapping[str, Any], *, base: str, url: str | None = None, retry_at: datetime | None = None
) -> ChallengeFacts:
    """A challenge object (RFC 8555 §7.1.5) of any type; `url` serves where the CA repeats none.

    Raises `ProtocolViolation` for an URL that is not https and for an unusable token of an open http-01 or dns-01.
    """
    kind = clean(document.get("type"), 100)
    status = _status(ChallengeStatus, document.get("status", "pending"))
    token = usable_token(document.get("token"))
    if token is None and kind in _TOKEN_TYPES and status is ChallengeStatus.PENDING:
        raise ProtocolViolation(
            Problem(
                LOCAL_PREFIX + "unusableToken",
                f"The CA's {kind} token is not base64url of 128 bits: {clean(document.get('token'), 100)}",
            )
        )
    return ChallengeFacts(
        type=kind,
        url=require_https(document.get("url") or url, "challenge URL", base=base),
        token=token,
        status=status,
        problem=_problem_within(document.get("error")),
        validated=moment(document.get("validated")),
        retry_at=retry_at,
    )


def _challenges(value: object, *, base: str) -> tuple[ChallengeFacts, ...]:
    """All challenges that can be addressed. Of types we do not answer, those without an https URL are left out."""
    return tuple(
        read_challenge(item, base=base)
        for item in _list(value)
        if isinstance(item, dict)
        and (clean(item.get("type")) in _TOKEN_TYPES or https_url(item.get("url"), base=base))
    )


def read_authorization(
    document: Mapping[str, Any], *, url: str, retry_at: datetime | None
) -> AuthorizationFacts:
    """An authorization object (RFC 8555 §7.1.4); raises like `read_challenge`."""
    return AuthorizationFacts(
        url=url,
        identifier=read_identifier(document.get("identifier")),
        wildcard=document.get("wildcard") is True,
        status=_status(AuthorizationStatus, document.get("status")),
        expires=moment(document.get("expires")),
        challenges=_challenges(document.get("challenges"), base=url),
        retry_at=retry_at,
    )


def read_chain(text: str) -> str | None:
    """The chain as sent if it is certificates only (RFC 8555 §9.1), else the certificates in it; None without any."""
    blocks = _PEM_BLOCK.findall(text)
    if not blocks:
        return None
    return text if not _PEM_BLOCK.sub("", text).strip() else "\n".join(blocks) + "\n"


def read_renewal(document: Mapping[str, Any], *, retry_at: datetime) -> RenewalFacts | None:
    """A RenewalInfo object (RFC 9773 §4.2); None where it names no window, or one that ends before it begins."""
    window = document.get("suggestedWindow")
    if not isinstance(window, dict):
        return None
    start, end = moment(window.get("start")), moment(window.get("end"))
    if start is None or end is None or end <= start:
        return None
    explanation = web_url(document.get("explanationURL")) or ""
    return RenewalFacts(start, end, explanation if len(explanation) <= _LONGEST_URL else "", retry_at)
