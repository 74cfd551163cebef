"""A TXT record that stands at the name and says which account at which CA may have certificates for it (dns-persist-01).

Nothing is to be written anew for a later certificate. The record speaks for the account: it is only ever offered for
an account that is one customer's alone (docs/decisions/20261124.dns-persist.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from leases import ring
from validation.models import Delegation
from validation.problems import Finding
from validation.record_places import place_of
from validation.resolver import Resolver

LABEL = "_validation-persist"
_MOMENT = re.compile(r"[0-9]{1,12}")
KIND = Delegation.Kind.PERSIST.value


def offer(
    owner: User, identifier: str, *, account_uri: str, issuer: str, wildcard: bool, now: datetime
) -> Delegation:
    """Return this customer's record for the name. One that has to say something else now counts as not seen yet.

    `account_uri` has to be an account of this customer alone. A record that spoke for the wildcard keeps doing so.
    """
    said = {"account_uri": account_uri, "issuer": issuer}
    with transaction.atomic():
        row, created = Delegation.objects.select_for_update().get_or_create(
            owner=owner,
            identifier=identifier,
            kind=KIND,
            defaults=said | {"wildcard": wildcard, "created_at": now, "due_at": now},
        )
        wildcard = wildcard or row.wildcard
        if created:
            record(Action.DELEGATION_OFFERED, row, now=now, by=owner, name=identifier, kind=KIND)
        elif (row.account_uri, row.issuer, row.wildcard) != (account_uri, issuer, wildcard):
            Delegation.objects.filter(pk=row.pk).update(
                **said, wildcard=wildcard, seen_at=None, broken_at=None, finding={}, asked_at=now, due_at=now,
                # A look at what it said before must not speak for what it says now.
                epoch=F("epoch") + 1, lease_until=None,
            )  # fmt: skip
            row.refresh_from_db()
    ring()
    return row


def value(row: Delegation) -> str:
    """Return the record's text: an issue-value as of CAA, RFC 8659 §4.2."""
    policy = "; policy=wildcard" if row.wildcard else ""
    return f"{row.issuer}; accounturi={row.account_uri}{policy}"


def line(row: Delegation) -> str:
    return f'{LABEL}.{row.identifier}. 3600 IN TXT "{value(row)}"'


def find(row: Delegation, now: datetime, resolver: Resolver | None = None) -> Finding:
    """Look whether the record stands on every server of the zone, as the CA would read it."""
    name, resolver = f"{LABEL}.{row.identifier}", resolver or Resolver.configured()
    answer = resolver.txt(name)
    verdict = judge(answer.values, row, now) if answer.answered else "delegation_unknown"
    if verdict == "persist_in_place" and answer.lacking:
        verdict = "delegation_unknown"
    return Finding(
        verdict,
        in_place=verdict == "persist_in_place",
        expected=value(row),
        seen=", ".join(answer.values)[:200],
        facts=place_of(name, row.identifier, resolver) | _ending(answer.values, row, now),
        repair=line(row),
    )


def find_in(row: Delegation) -> Finding:
    """Return what was found at the last look. Raises LookupError when there was none."""
    found = row.last_finding
    if found is None:
        raise LookupError(f"nobody has looked at {row.pk}")
    return found


def was_seen(row: Delegation, now: datetime, *, within: timedelta) -> bool:
    """True if the last look, not longer ago than `within`, saw this very text on every server, and it has not ended since."""
    if not row.stands or row.seen_at is None or abs(now - row.seen_at) > within:
        return False
    found = row.last_finding
    if found is None or found.slug != "persist_in_place" or found.expected != value(row):
        return False
    ends = found.facts.get("ends")
    return ends is None or int(ends) > now.timestamp()


def _ending(texts: Iterable[str], row: Delegation, now: datetime) -> dict[str, int]:
    """Return the moment at which the last of the records that are right ends, nothing if one of them does not."""
    right = [_read(text)[1] for text in texts if _verdict(text, row, now) == "persist_in_place"]
    ends = [parameters.get("persistuntil") for parameters in right]
    return {"ends": max(int(end) for end in ends if end)} if ends and None not in ends else {}


def judge(texts: Iterable[str], row: Delegation, now: datetime) -> str:
    """Return the slug of what these records come to: one that is right is enough, whatever stands beside it."""
    found = [_verdict(text, row, now) for text in texts]
    order = ("persist_in_place", "persist_ended", "persist_no_wildcard", "persist_other_account")
    return next((slug for slug in order if slug in found), "persist_missing")


def _verdict(text: str, row: Delegation, now: datetime) -> str:
    issuer, parameters = _read(text)
    if issuer != row.issuer.lower():
        return "persist_missing"
    if parameters.get("accounturi") != row.account_uri:
        return "persist_other_account"
    until = parameters.get("persistuntil")
    if until is not None and (not _MOMENT.fullmatch(until) or int(until) <= now.timestamp()):
        return "persist_ended"
    if row.wildcard and parameters.get("policy", "").lower() != "wildcard":
        return "persist_no_wildcard"
    return "persist_in_place"


def _read(text: str) -> tuple[str, dict[str, str]]:
    """Return issuer and parameters, their names in small letters; a parameter said twice makes the record void."""
    issuer, *rest = (part.strip() for part in text.split(";"))
    parameters: dict[str, str] = {}
    for part in filter(None, rest):
        name, _equals, said = part.partition("=")
        if name.strip().lower() in parameters:
            return "", {}
        parameters[name.strip().lower()] = said.strip()
    return issuer.lower().removesuffix("."), parameters
