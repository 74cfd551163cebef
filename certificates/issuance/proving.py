"""What this order's own challenges have shown goes into the ledger; the ledger is asked about every name (design §5.1)."""

from __future__ import annotations

from collections.abc import Iterable

from certificates.issuance import approvals
from certificates.issuance.walk import Walk
from validation import ledger
from validation.models import Authorization, Challenge


def answered_challenge(row: Authorization) -> Challenge | None:
    """Return the challenge that we answered for this customer, None if the CA found the name valid by itself."""
    answered = [challenge for challenge in row.challenges.all() if challenge.answered_at is not None]
    proven = [challenge for challenge in answered if challenge.status == Challenge.Status.VALID]
    return max(proven or answered, key=lambda challenge: str(challenge.answered_at), default=None)


def enter(walk: Walk, rows: Iterable[Authorization]) -> None:
    """Enter the proofs of authorizations that the CA has found valid. Idempotent."""
    for row in rows:
        challenge = answered_challenge(row)
        if challenge is not None:
            ledger.record_control(
                owner=walk.owner,
                identifier=row.identifier,
                wildcard=row.wildcard,
                # Not the row's method: that may have been changed after this challenge was answered.
                method=challenge.type,
                authorization=row,
                now=walk.now,
            )


def unproven(walk: Walk) -> list[Authorization]:
    """Return the authorizations whose name this customer has no current proof for."""
    by_mail = approvals.counts(walk.order.account, walk.now)
    return [
        row
        for row in walk.authorizations()
        if not ledger.has_control(walk.owner, row.identifier, row.wildcard, walk.now, by_mail=by_mail)
    ]


def uncovered(walk: Walk) -> list[str]:
    """Return the wanted names for which the CA has opened no authorization."""
    covered = {(row.identifier, row.wildcard) for row in walk.authorizations()}
    return [name.text for name in walk.names if (name.ascii, name.wildcard) not in covered]
