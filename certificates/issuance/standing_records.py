"""Where a customer's standing record answers the CA by itself, it is used instead of what they would have to publish."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q

from certificates.connectors.base import AuthorizationFacts
from certificates.issuance import evidence
from certificates.issuance.walk import Walk
from certificates.models import CaAccount
from validation.models import Authorization, Delegation
from validation.models.authorization import Method

# A CA that has just refused the record is not asked about it again so soon: the customer shows the name by hand.
DISTRUSTED_FOR = timedelta(days=7)


def is_offered(facts: AuthorizationFacts) -> bool:
    return any(challenge.type == Method.PERSIST for challenge in facts.challenges)


def method_for(walk: Walk, facts: AuthorizationFacts, name: str, wildcard: bool, chosen: str) -> str:
    """Return how the name is shown: by its standing record, if that stands and names this very account, else as chosen."""
    if not is_offered(facts) or not evidence.speaks_for_one(walk):
        return chosen
    rows = Delegation.objects.of(walk.owner).over(name).standing()
    rows = rows.filter(kind=Delegation.Kind.PERSIST, account_uri=walk.order.account.account_url)
    if not (rows.filter(wildcard=True) if wildcard else rows).exists():
        return chosen
    refused = Authorization.objects.of(walk.owner).filter(
        identifier=name, wildcard=wildcard, method=Method.PERSIST, status=Authorization.Status.INVALID,
        problem__isnull=False, created_at__gt=walk.now - DISTRUSTED_FOR,
    )  # fmt: skip
    return chosen if refused.exists() else str(Method.PERSIST)


def note_offer(walk: Walk, facts: AuthorizationFacts) -> None:
    """Remember that this CA takes standing records, for the page that offers them."""
    house = walk.order.account.house_account
    if is_offered(facts) and not house.offers_persist:
        CaAccount.objects.filter(Q(pk=house.pk) | Q(parent=house.pk)).update(offers_persist=True)
        house.offers_persist = True
