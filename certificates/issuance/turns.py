"""Whose turn it is among the orders that wait for a place among a CA account's new orders.

Owners take turns: whoever has had fewer places within the limit's window goes first. Whoever has had a fifth of the
window goes behind all who have not, and takes none of its last fifth; so does a mass reissue. Within these, a first
certificate goes before one that takes the place of another, unless that one ends soon.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, IntegerField, Q, Value, When

from certificates.held_up import LIMIT
from certificates.models import AcmeOrder, CaLimit, Issuance, LimitKind

# One owner's share of a window, and what of it is left to those who have not had theirs: one part in so many.
PARTS = 5
# A certificate that ends within this is as urgent as a first one.
ENDS_SOON = timedelta(days=3)

FIRST, LATER, CAMPAIGN = range(3)


@dataclass(frozen=True)
class Place:
    """One order in the queue; `leaves_rest`: it takes none of the window's last part."""

    pk: Any
    leaves_rest: bool


@dataclass(frozen=True)
class InLine:
    """An order that is only thought of: so many are before it."""

    ahead: int = 0
    leaves_rest: bool = False


def rest_of(limit: CaLimit) -> int:
    """Return how many places of the window are kept for owners who have not had their share."""
    return limit.amount // PARTS


class Queue:
    """Those who wait at the order's account, and the order among them. Read when it is asked, under the account's lock."""

    def __init__(self, order: AcmeOrder, limits: Sequence[CaLimit], now: datetime) -> None:
        self._order, self._now = order, now
        self._limits = [limit for limit in limits if limit.kind == LimitKind.ORDERS]

    @property
    def ahead(self) -> int:
        """Return how many have their turn before this order."""
        return self._mine if len(self._waiting) > 1 else 0

    @property
    def leaves_rest(self) -> bool:
        return self.places[self._mine].leaves_rest

    @property
    def behind(self) -> list[tuple[int, Place]]:
        """Return those whose turn comes after this order's, each with how many are before it."""
        if len(self._waiting) == 1:
            return []
        return list(enumerate(self.places))[self._mine + 1 :]

    @cached_property
    def places(self) -> list[Place]:
        """Return the whole queue in its order."""
        longest = max(self._limits, key=lambda limit: limit.seconds)
        share, had = rest_of(longest), self._had(self._now - timedelta(seconds=longest.seconds))
        ranked = []
        # An owner's own orders follow each other by rank, then as they came.
        for number, (pk, owner, rank) in enumerate(sorted(self._waiting, key=lambda row: row[2])):
            turn = had[owner]
            had[owner] += 1
            over = CAMPAIGN if rank == CAMPAIGN else int(bool(share) and turn >= share)
            ranked.append(((over, rank, turn, number), Place(pk, leaves_rest=bool(over))))
        return [place for _key, place in sorted(ranked, key=lambda one: one[0])]

    @cached_property
    def _mine(self) -> int:
        return next(n for n, place in enumerate(self.places) if place.pk == self._order.pk)

    @cached_property
    def _waiting(self) -> list[tuple[Any, UUID, int]]:
        """Return (key, owner, rank) of each, as they came."""
        waits = Q(
            account_id=self._order.account_id,
            url__isnull=True,
            due_at__isnull=False,
            problem__type=LIMIT,
            problem__limit=LimitKind.ORDERS,
        )
        rows = AcmeOrder.objects.filter(waits | Q(pk=self._order.pk)).annotate(rank=self._rank())
        return list(rows.order_by("created_at", "pk").values_list("pk", "owner_id", "rank"))

    def _rank(self) -> Case:
        soon = Q(issuance__replaces__not_after__lt=self._now + ENDS_SOON)
        return Case(
            When(soon, then=Value(FIRST)),
            When(issuance__campaign__isnull=False, then=Value(CAMPAIGN)),
            When(issuance__kind=Issuance.Kind.FIRST, then=Value(FIRST)),
            default=Value(LATER),
            output_field=IntegerField(),
        )

    def _had(self, since: datetime) -> Counter[UUID]:
        """Return how many places each of those who wait has had since then."""
        sent = AcmeOrder.objects.filter(
            account_id=self._order.account_id,
            intent_at__gt=since,
            owner__in={owner for _pk, owner, _rank in self._waiting},
        )
        counted = sent.order_by().values_list("owner_id").annotate(count=Count("pk"))
        return Counter(dict(counted))
