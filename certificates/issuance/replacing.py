"""Telling the CA which certificate an order takes the place of, and doing without when it will not hear it (RFC 9773 §5)."""

from __future__ import annotations

import re

from audit.vocabulary import Action
from certificates.connectors.problems import (
    ACME_PREFIX,
    AlreadyReplaced,
    CaError,
    RetryAt,
    TryAgain,
)
from certificates.issuance.problems import as_json
from certificates.issuance.walk import Walk
from certificates.models import Certificate
from certificates.renewal.ari import NoCertId, cert_id

# Stands in `AcmeOrder.replaces` once the CA has refused to be told: no base64url has brackets.
REFUSED = "(refused)"
_NAMES_IT = re.compile(r"replac|\bARI\b|cert ?id", re.IGNORECASE)
_MALFORMED = ACME_PREFIX + "malformed"


def to_tell(walk: Walk) -> str:
    """Return what belongs into `AcmeOrder.replaces` before newOrder: a certID, REFUSED, or "" where there is nothing to say."""
    order, issuance = walk.order, walk.issuance
    if issuance.replaces_id is None or not order.account.has_renewal_info:
        return ""
    if issuance.acme_orders.filter(account=order.account_id, replaces=REFUSED).exists():
        return REFUSED
    old = Certificate.objects.get(pk=issuance.replaces_id)
    # The CA compares the account and wants a name in common.
    if old.account_id != order.account_id or not set(old.names) & set(issuance.texts):
        return ""
    try:
        return cert_id(old.leaf_pem)
    except NoCertId:
        return ""


def told(walk: Walk) -> str | None:
    """Return the certID for newOrder; None where none is sent."""
    value = walk.order.replaces
    return value if value and value != REFUSED else None


def is_refused(walk: Walk, error: CaError) -> bool:
    """True if newOrder was refused for what it replaces, and for certain: then it is sent once more without."""
    if told(walk) is None or isinstance(error, RetryAt | TryAgain):
        return False
    named = _NAMES_IT.search(error.detail) is not None
    return isinstance(error, AlreadyReplaced) or error.typ == _MALFORMED or named


def give_up(walk: Walk, error: CaError) -> None:
    """Commit that this CA is not told again, before it is asked again."""
    walk.hold()
    problem = as_json(error.problem, walk.now)
    walk.note(Action.REPLACES_REFUSED, replaces=walk.order.replaces, problem=problem)
    walk.order.write(replaces=REFUSED)
