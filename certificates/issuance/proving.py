"""What this order's own challenges have shown goes into the ledger; the ledger is asked about every name (design §5.1)."""

from __future__ import annotations

from collections.abc import Iterable

from certificates.issuance import approvals, evidence, found_valid
from certificates.issuance.walk import Walk
from identifiers.names import Name
from leases.updates import update
from validation import ledger
from validation.models import Authorization, Challenge


def answered_challenge(row: Authorization) -> Challenge | None:
    """Return the challenge that we answered for this customer, None if the CA found the name valid by itself."""
    answered = [challenge for challenge in row.challenges.all() if challenge.answered_at is not None]
    proven = [challenge for challenge in answered if challenge.status == Challenge.Status.VALID]
    return max(proven or answered, key=lambda challenge: str(challenge.answered_at), default=None)


def enter(walk: Walk, rows: Iterable[Authorization]) -> None:
    """Enter the proofs of authorizations that the CA has found valid. Idempotent. Call it in a transaction, or it is one each."""
    for row in rows:
        challenge = answered_challenge(row) or evidence.found(walk, row)
        if challenge is None:
            found_valid.enter(walk, row)
        elif evidence.is_theirs(walk, row, challenge):
            ledger.record_control(
                owner=walk.owner,
                identifier=row.identifier,
                wildcard=row.wildcard,
                # Not the row's method: that may have been changed after this challenge was answered.
                method=challenge.type,
                authorization=row,
                now=walk.now,
            )


def settle(rows: Iterable[Authorization]) -> None:
    """Note as valid what an answered challenge has shown; it needs no more looks."""
    open_still = [row for row in rows if row.status != Authorization.Status.VALID or row.due_at is not None]
    shown = [row for row in open_still if answered_challenge(row) is not None]
    update(Authorization, {"pk": [row.pk for row in shown]}, status=Authorization.Status.VALID, due_at=None)
    for row in shown:
        row.status, row.due_at = Authorization.Status.VALID, None


def unproven(walk: Walk) -> list[Authorization]:
    """Return the authorizations whose name this customer has no current proof for."""
    rows, by_mail = walk.authorizations(), approvals.counts(walk.order.account, walk.now)
    missing = set(ledger.missing(walk.owner, [_name(row) for row in rows], walk.now, by_mail=by_mail))
    return [row for row in rows if _name(row) in missing]


def _name(row: Authorization) -> Name:
    return Name(ascii=row.identifier, wildcard=row.wildcard)


def uncovered(walk: Walk) -> list[str]:
    """Return the wanted names for which the CA has opened no authorization."""
    covered = {(row.identifier, row.wildcard) for row in walk.authorizations()}
    return [name.text for name in walk.names if (name.ascii, name.wildcard) not in covered]
