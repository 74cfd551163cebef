"""When a CA's "valid" says something about this customer, at CAs that take names as proven for all who share an account.

A CA that knows names beforehand, or finds a standing record by itself, says "valid" to whoever asks through the
account. What it then says about a challenge that a customer only insisted on is no proof of theirs (design §5.1,
docs/decisions/20261124.dns-persist.md).
"""

from __future__ import annotations

from certificates.connectors.base import AuthorizationFacts, ChallengeStatus
from certificates.issuance.syncing import sync_authorization
from certificates.issuance.walk import Walk
from certificates.models import CaAccount
from validation.models import Authorization, Challenge
from validation.models.authorization import Method


def hear(walk: Walk) -> None:
    """Ask the CA which challenge it found valid, where it may have found the name valid without one. Raises CaError."""
    for row in walk.authorizations():
        answered = [challenge for challenge in row.challenges.all() if challenge.answered_at is not None]
        unheard = answered and not any(one.status == Challenge.Status.VALID for one in answered)
        if unheard and _finds_by_itself(row) and not is_exclusive(walk):
            walk.keep_hold()
            sync_authorization(row, walk.ca.authorization(row.url))
            walk.forget()


def is_theirs(walk: Walk, row: Authorization, challenge: Challenge) -> bool:
    """True if this answered challenge, found valid, shows that this customer holds the name."""
    if challenge.type == Method.PERSIST:
        # The record names the account: it speaks for whoever the account belongs to, for nobody if it is shared.
        return speaks_for_one(walk)
    if knows_beforehand(walk) and row.shown_at is None:
        return False
    return is_exclusive(walk) or not _finds_by_itself(row) or challenge.status == Challenge.Status.VALID


def found(walk: Walk, row: Authorization) -> Challenge | None:
    """Return the standing record's challenge, where the CA found it valid before anybody answered, at this customer's own account."""
    if knows_beforehand(walk) or not speaks_for_one(walk):
        return None
    valid = (one for one in row.challenges.all() if one.status == Challenge.Status.VALID)
    return next((one for one in valid if one.type == Method.PERSIST), None)


def was_found(walk: Walk, facts: AuthorizationFacts) -> bool:
    """True if `found` will say so of the row that these facts are stored in."""
    valid = {one.type for one in facts.challenges if one.status is ChallengeStatus.VALID}
    return Method.PERSIST in valid and not knows_beforehand(walk) and speaks_for_one(walk)


def is_exclusive(walk: Walk) -> bool:
    """True if the account at the CA is this customer's alone."""
    return walk.order.account.customer_id == walk.owner.pk


def speaks_for_one(walk: Walk) -> bool:
    """True if the account's URI at the CA is this customer's alone: no other account of ours has the same."""
    account = walk.order.account
    same = CaAccount.objects.filter(account_url=account.account_url).exclude(pk=account.pk)
    return is_exclusive(walk) and bool(account.account_url) and not same.exists()


def knows_beforehand(walk: Walk) -> bool:
    """True if the CA may call a name valid for everybody, because the operator has settled it there.

    A name that such a CA calls valid is shown by nothing that it says.
    """
    # As it is declared, whatever the rules say of mail by now: the CA's list does not end with them.
    return walk.order.account.house_account.email_mode == CaAccount.EmailMode.PREVALIDATED


def _finds_by_itself(row: Authorization) -> bool:
    return any(challenge.type == Method.PERSIST for challenge in row.challenges.all())
