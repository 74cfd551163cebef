"""What of a CA account's limits has been used: entered with newOrder's intent, settled by how the order ends.

A new order is used up once it is sent. A certificate per domain and per set is only laid by with the intent, so that
orders under way count too: its storing makes it count from then on, an order that ends without one gives it up.
The rows of an order are found by its `intent_at`, which is their moment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Min, QuerySet

from certificates.held_up import LIMIT
from certificates.issuance.walk import Walk
from certificates.models import AcmeOrder, CaAccount, CaLimit, CaUse, LimitKind
from identifiers.names import Name
from leases import ring
from leases.inserts import insert_all
from leases.updates import update

# Counted by a CA over all its accounts, so ours counts them where the operator's account stands.
OF_THE_CA = {LimitKind.DOMAIN, LimitKind.SET}


def subjects(kind: str, names: Sequence[Name]) -> list[str]:
    """Return what is counted for an order of these names."""
    if kind == LimitKind.DOMAIN:
        return sorted({name.rate_limit_group for name in names})
    if kind == LimitKind.SET:
        texts = "\n".join(sorted({name.text for name in names}))
        return [hashlib.sha256(texts.encode()).hexdigest()]
    if kind == LimitKind.FAILURES:
        # A wildcard is shown at its base, and shares its failures (RFC 8555 §7.1.3).
        return sorted({name.ascii for name in names})
    return [""]


def counted_at(account: CaAccount, kind: str) -> list[UUID]:
    """Return the accounts whose uses count together with this one's."""
    if kind not in OF_THE_CA:
        return [account.pk]
    return list(CaAccount.objects.same_ca(account).house().values_list("pk", flat=True))


def enter(walk: Walk, at: datetime, spared: Collection[str]) -> None:
    """newOrder is about to be sent: call it in the transaction of that intent. One statement, whatever is counted."""
    order = walk.order
    sent = [CaUse(account_id=order.account_id, kind=LimitKind.ORDERS, at=at)]
    insert_all(([] if LimitKind.ORDERS in spared else sent) + _of_certificate(order, walk.names, at, spared))


def confirm(walk: Walk, now: datetime, spared: Collection[str]) -> None:
    """A certificate of this order is being stored, and counts from now on: call it in that transaction."""
    order = walk.order
    wanted = _of_certificate(order, walk.names, now, spared)
    if not wanted:
        return
    laid_by = {
        "account_id": wanted[0].account_id,
        "kind": sorted({row.kind for row in wanted}),
        "subject": sorted({row.subject for row in wanted}),
        "at": order.intent_at,
    }
    if update(CaUse, laid_by, at=now) >= len(wanted):
        return
    # Sent before its certificate was laid by, or so long ago that the row was forgotten, or no longer exempt.
    there = CaUse.objects.filter(account_id=wanted[0].account_id, at=now, kind__in=OF_THE_CA)
    known = set(there.values_list("kind", "subject"))
    insert_all([row for row in wanted if (str(row.kind), row.subject) not in known])


def _of_certificate(
    order: AcmeOrder, names: Sequence[Name], at: datetime, spared: Collection[str]
) -> list[CaUse]:
    house = order.account.parent_id or order.account_id
    return [
        CaUse(account_id=house, kind=kind, subject=subject, at=at)
        for kind in sorted(OF_THE_CA)
        if kind not in spared
        for subject in subjects(kind, names)
    ]


def send_again(walk: Walk, before: datetime) -> None:
    """newOrder is sent once more: what was entered at the first time counts from now on."""
    order = walk.order
    for rows in (_of_order(order, before), _laid_by(walk, before)):
        rows.update(at=order.intent_at)


def take_back(walk: Walk, before: datetime) -> None:
    """The CA has certainly made no order of what was entered at that time."""
    _of_order(walk.order, before).delete()
    _give_up(walk, before)


def release(walk: Walk) -> None:
    """The order ends, or leaves this CA, and no certificate comes of it: call it in that transaction.

    Once the CSR was sent the CA may have signed, and what was laid by stays; call `refused` where it has not.
    """
    if walk.order.finalizing_at is None:
        refused(walk)


def refused(walk: Walk) -> None:
    """The CA will certainly not sign for this order: call it in the transaction that ends it."""
    if walk.order.intent_at is not None:
        _give_up(walk, walk.order.intent_at)


def _give_up(walk: Walk, at: datetime) -> None:
    if _laid_by(walk, at).delete()[0]:
        _wake_next(walk)


def _wake_next(walk: Walk) -> None:
    """Who waits for such a place at this CA may find it free before the time that was foreseen."""
    same = CaAccount.objects.same_ca(walk.order.account)
    if not CaLimit.objects.filter(account__in=same, kind__in=OF_THE_CA).exists():
        return
    waiting = AcmeOrder.objects.filter(
        account__in=same,
        url__isnull=True,
        due_at__isnull=False,
        problem__type=LIMIT,
        problem__limit__in=sorted(OF_THE_CA),
    )
    if waiting.wake(walk.now):
        ring()


def _of_order(order: AcmeOrder, at: datetime) -> QuerySet[CaUse]:
    alike = CaUse.objects.filter(account_id=order.account_id, kind=LimitKind.ORDERS, subject="", at=at)
    return _one_of_each(alike)


def _laid_by(walk: Walk, at: datetime) -> QuerySet[CaUse]:
    wanted = _of_certificate(walk.order, walk.names, at, ())
    alike = CaUse.objects.filter(
        account_id=wanted[0].account_id,
        kind__in=OF_THE_CA,
        subject__in=[row.subject for row in wanted],
        at=at,
    )
    return _one_of_each(alike)


def _one_of_each(alike: QuerySet[CaUse]) -> QuerySet[CaUse]:
    """Return one of each subject: of several orders that were sent in one moment, any."""
    first = alike.order_by().values("kind", "subject").annotate(first=Min("pk"))
    return CaUse.objects.filter(pk__in=list(first.values_list("first", flat=True)))
