"""The authorizations of a new order: their rows are opened, the lookout starts by itself (RFC 8555 §7.5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from certificates.connectors.base import AuthorizationFacts, AuthorizationStatus
from certificates.issuance import (
    approvals,
    evidence,
    found_valid,
    profiling,
    proving,
    sharing,
    standing_records,
    waits,
)
from certificates.issuance.closing import used_elsewhere
from certificates.issuance.syncing import sync_authorization
from certificates.issuance.walk import Done, Walk
from identifiers.addresses import address_in
from identifiers.names import Name
from leases.inserts import insert_all, insert_once
from validation import ledger
from validation.models import Authorization, Challenge
from validation.models.authorization import Method


def open_authorizations(walk: Walk) -> Done | None:
    """Read each authorization that has no row yet. Those of another customer, or valid by another's proof, are refused together."""
    known = {row.url for row in walk.authorizations()}
    refused: list[tuple[str, AuthorizationFacts]] = []
    for url in walk.order.authorization_urls:
        if url in known:
            continue
        walk.keep_hold()
        facts = walk.ca.authorization(url)
        # Nearly always it is new, and nobody's yet: then nothing needs to be looked up.
        if facts.status is not AuthorizationStatus.VALID and open_new(walk, facts):
            continue
        row = Authorization.objects.filter(url=url).first()
        if row is not None and row.owner_id != walk.owner.pk:
            if sharing.is_busy(walk, row):
                return sharing.wait(walk, waits.NAME_BUSY)
            refused.append((url, facts))
        elif facts.status is AuthorizationStatus.VALID and not is_theirs(walk, row, facts):
            looked = found_valid.look_first(walk, *name_of(facts))
            if looked is not None:
                return looked
            refused.append((url, facts))
        elif row is not None:
            open_again(walk, row, facts)
        elif not open_new(walk, facts):
            # Somebody has stored it this moment: whose it is decides the next walk.
            return sharing.wait(walk, waits.NAME_SOON_FREE)
    names = sorted({name_of(facts)[0] for _url, facts in refused})
    return sharing.afresh_without(walk, [url for url, _facts in refused], names) if refused else None


def is_theirs(walk: Walk, row: Authorization | None, facts: AuthorizationFacts) -> bool:
    """True if this customer has shown control of a name that the CA already knows as valid."""
    if row is not None:
        # Another order of the same customer may have had it shown a moment ago.
        with transaction.atomic():
            walk.hold()
            proving.enter(walk, [row])
    if evidence.was_found(walk, facts) or found_valid.record_of(walk, *name_of(facts)) is not None:
        return True
    by_mail = approvals.counts(walk.order.account, walk.now)
    return ledger.has_control(walk.owner, *name_of(facts), walk.now, by_mail=by_mail)


def name_of(facts: AuthorizationFacts) -> tuple[str, bool]:
    """Return A-label and wildcard flag; some CAs leave `*.` in the name (RFC 8555 §7.1.4 takes it away)."""
    if facts.identifier.type == "ip":
        address = address_in(facts.identifier.value)
        return (str(address) if address else facts.identifier.value), False
    value = facts.identifier.value.lower().removesuffix(".")
    return value.removeprefix("*."), facts.wildcard or value.startswith("*.")


def open_new(walk: Walk, facts: AuthorizationFacts) -> bool:
    """Store an authorization that nobody has met yet; False when there is a row of it."""
    with transaction.atomic():
        walk.hold()
        row = insert_once(Authorization, url=facts.url, **_columns(walk, facts, walk.now))
        if row is None:
            return False
        challenges = _challenges(walk, row, facts)
        insert_all(challenges)
        walk.order.need(row)
        if facts.status is AuthorizationStatus.VALID:
            # What it was accepted for is entered with it: by the time it is finalized that look is an old one.
            found_valid.enter(walk, row)
    walk.add(row, challenges)
    profiling.measure(walk, facts)
    standing_records.note_offer(walk, facts)
    return True


def open_again(walk: Walk, row: Authorization, facts: AuthorizationFacts) -> None:
    """Take up a row that this customer has: one that an earlier order of theirs has closed is opened again."""
    with transaction.atomic():
        walk.hold()
        _reopen(walk, row, facts)
        walk.order.need(row)
    walk.forget()


def _columns(walk: Walk, facts: AuthorizationFacts, now: datetime) -> dict[str, Any]:
    name, wildcard = name_of(facts)
    unknown = facts.status is AuthorizationStatus.UNKNOWN
    found = facts.status is AuthorizationStatus.VALID and found_valid.record_of(walk, name, wildcard)
    method = standing_records.method_for(walk, facts, name, wildcard, method_for(walk, name, wildcard))
    return {
        "owner": walk.owner,
        "plan_id": walk.issuance.plan_id,
        "identifier": name,
        "wildcard": wildcard,
        "status": Authorization.Status.PENDING if unknown else facts.status.value,
        "method": str(Method.PERSIST) if found else method,
        "expires_at": facts.expires,
        "created_at": now,
        "due_at": now if unknown or facts.status is AuthorizationStatus.PENDING else None,
    }


def _reopen(walk: Walk, row: Authorization, facts: AuthorizationFacts) -> None:
    sync_authorization(row, facts)
    if row.status != Authorization.Status.PENDING or used_elsewhere(walk, row):
        return
    chosen = method_for(walk, row.identifier, row.wildcard)
    row.choose(standing_records.method_for(walk, facts, row.identifier, row.wildcard, chosen), walk.now)
    Authorization.objects.filter(pk=row.pk).update(plan_id=walk.issuance.plan_id)


def method_for(walk: Walk, ascii_name: str, wildcard: bool) -> str:
    """Return the method that the customer chose for this name. Order and count of names are the CA's, never assumed."""
    for name in walk.issuance.names:
        if name["ascii"] == ascii_name and name["wildcard"] == wildcard:
            if approvals.by_email(name):
                return approvals.proof_for(walk.owner, ascii_name, wildcard=wildcard)
            return str(name["method"])
    return str(Method.HTTP if Name(ascii_name).is_ip else Method.DNS)


def _challenges(walk: Walk, row: Authorization, facts: AuthorizationFacts) -> list[Challenge]:
    return [
        Challenge(
            authorization=row,
            url=challenge.url,
            type=challenge.type[:40],
            token=challenge.token or "",
            key_authorization=walk.ca.key_authorization(challenge.token) if challenge.token else "",
            status=challenge.status.value if challenge.status.value in Challenge.Status.values else "pending",
        )
        for challenge in facts.challenges
    ]
