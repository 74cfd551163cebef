"""Where what a customer has set up once answers the CA by itself, it is used instead of what they would have to publish."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q

from certificates.connectors.base import AuthorizationFacts
from certificates.issuance import evidence
from certificates.issuance.walk import Walk
from certificates.models import CaAccount
from leases.prepared import Prepared
from validation.delegation import ways_of
from validation.models import Authorization, Delegation
from validation.models.authorization import Method

# A CA that has just refused what stands is not asked about it again so soon: the customer shows the name by hand.
DISTRUSTED_FOR = timedelta(days=7)

_OWNER: Any = Delegation._meta.get_field("owner")
_IDENTIFIER: Any = Delegation._meta.get_field("identifier")
# Asked for every name of every order, and nearly always in vain.
_standing = Prepared(
    lambda owner, identifier: Delegation.objects.of(owner).over(identifier).standing().order_by(),
    _OWNER,
    _IDENTIFIER,
)


def is_offered(facts: AuthorizationFacts) -> bool:
    return any(challenge.type == Method.PERSIST for challenge in facts.challenges)


def method_for(walk: Walk, facts: AuthorizationFacts, name: str, wildcard: bool, chosen: str) -> str:
    """Return how the name is shown: by what stands for it and the CA offers, as chosen if that stands too or nothing does.

    A standing record goes first where it names this very account: the CA needs no answer of ours for it.
    """
    rows = _standing(walk.owner.pk, name)
    if not rows:
        return chosen
    offered = {challenge.type for challenge in facts.challenges}
    ways = [way for way in ways_of((row.kind for row in rows), wildcard=wildcard) if way in offered]
    ways.sort(key=lambda way: way != chosen)
    if Method.PERSIST in offered and _has_record(walk, rows, wildcard):
        ways.insert(0, str(Method.PERSIST))
    trusted = (way for way in ways if way == chosen or not _was_refused(walk, name, wildcard, way))
    return next(trusted, chosen)


def stands(walk: Walk, name: str, wildcard: bool) -> bool:
    """True if the customer's record of this name stands, names this very account, and was not refused lately."""
    way = str(Method.PERSIST)
    return _has_record(walk, _standing(walk.owner.pk, name), wildcard) and not _was_refused(
        walk, name, wildcard, way
    )


def _has_record(walk: Walk, rows: list[Delegation], wildcard: bool) -> bool:
    mine = [row for row in rows if row.kind == Delegation.Kind.PERSIST and (row.wildcard or not wildcard)]
    uris = {row.account_uri for row in mine}
    return walk.order.account.account_url in uris and evidence.speaks_for_one(walk)


def _was_refused(walk: Walk, name: str, wildcard: bool, way: str) -> bool:
    refused = Authorization.objects.of(walk.owner).filter(
        identifier=name, wildcard=wildcard, method=way, status=Authorization.Status.INVALID,
        problem__isnull=False, created_at__gt=walk.now - DISTRUSTED_FOR,
    )  # fmt: skip
    return refused.exists()


def note_offer(walk: Walk, facts: AuthorizationFacts) -> None:
    """Remember that this CA takes standing records, for the page that offers them."""
    house = walk.order.account.house_account
    if is_offered(facts) and not house.offers_persist:
        CaAccount.objects.filter(Q(pk=house.pk) | Q(parent=house.pk)).update(offers_persist=True)
        house.offers_persist = True
