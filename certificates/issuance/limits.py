"""The mirror of a CA account's limits: asked before newOrder, so that an order waits here instead of being refused there.

Each limit is a sliding window: at most `amount` uses within any `seconds`. A CA may refill steadily instead (Let's
Encrypt's buckets do), which lets more through after a burst; what fits into every window also fits into such a bucket,
so this order of counting is never refused by either kind, and is what CAs document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max, QuerySet

from certificates.held_up import LIMIT, next_slot_text
from certificates.issuance import choosing, replacing
from certificates.issuance.problems import ours
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, CaAccount, CaLimit, CaUse, LimitKind
from identifiers.names import Name
from leases.inserts import insert, insert_all
from leases.prepared import Prepared

# RFC 8555 knows no limits: these are Let's Encrypt's, per account (the certificates: per CA), as (amount, window).
LETS_ENCRYPT: dict[str, tuple[int, timedelta]] = {
    LimitKind.ORDERS: (300, timedelta(hours=3)),
    LimitKind.DOMAIN: (50, timedelta(days=7)),
    LimitKind.SET: (5, timedelta(days=7)),
    LimitKind.FAILURES: (5, timedelta(hours=1)),
}
# A limit that is entered later finds at least these uses counted already.
KEPT = max(window for _amount, window in LETS_ENCRYPT.values())
# Counted by a CA over all its accounts, so ours counts them where the operator's account stands.
OF_THE_CA = {LimitKind.DOMAIN, LimitKind.SET}

_ACCOUNT_KEY: Any = CaAccount._meta.pk
_limits = Prepared(lambda account: CaLimit.objects.filter(account_id=account), _ACCOUNT_KEY)


def take_slot(walk: Walk) -> Done | None:
    """Take a place among the account's new orders and commit that newOrder is about to be sent, or wait for the next slot.

    The use and the intent are one commit: whoever dies after it finds the place taken, and nobody takes it twice.
    """
    order = walk.order
    replaces = replacing.to_tell(walk)
    told = replaces if replaces != replacing.REFUSED else ""
    with transaction.atomic():
        now = walk.now
        limits = limits_of(order.account)
        if limits:
            # One at a time: two workers that count at once would both take the last place.
            list(
                CaAccount.objects.filter(pk=order.account_id)
                .select_for_update(no_key=True)
                .values_list("pk", flat=True)
            )
        ahead = _ahead(order) if limits else 0
        full = _fullest(order.account, limits, walk.names, told, now, ahead)
        if full is None:
            walk.hold(intent_at=now, replaces=replaces)
            if LimitKind.ORDERS not in exempt(limits, told):
                insert(CaUse, account_id=order.account_id, kind=LimitKind.ORDERS, at=now)
    if full is not None:
        return choosing.after_limit(walk, full[0]) or _wait(walk, *full)
    walk.slot_taken = True
    return None


def _wait(walk: Walk, slot: datetime, kind: str) -> Done:
    problem = ours(LIMIT.removeprefix("chancery:"), next_slot_text(kind, slot, walk.now), walk.now)
    return Done(slot, waiting_for=AcmeOrder.WaitingFor.CA, problem=problem | {"limit": kind})


def next_slot(
    account: CaAccount, names: Sequence[Name], replaces: str, now: datetime, *, ahead: int = 0
) -> datetime | None:
    """Return when an order for `names` fits into every limit of the account, None when it does at once.

    `replaces` is what newOrder will name as replaced (RFC 9773 §5), empty for none; `ahead` how many orders wait for a
    place among the account's new orders already.
    """
    full = _fullest(account, limits_of(account), names, replaces, now, ahead)
    return full[0] if full is not None else None


def limits_of(account: CaAccount) -> list[CaLimit]:
    """Return the limits: those of the operator's account hold for each that was opened under it."""
    return _limits(account.parent_id or account.pk)


def exempt(limits: Sequence[CaLimit], replaces: str) -> set[str]:
    """Return what an order that replaces a certificate is not counted for."""
    if not replaces:
        return set()
    counted = {limit.kind for limit in limits if not limit.renewals_exempt}
    return {limit.kind for limit in limits} - counted


def _fullest(
    account: CaAccount,
    limits: Sequence[CaLimit],
    names: Sequence[Name],
    replaces: str,
    now: datetime,
    ahead: int,
) -> tuple[datetime, str] | None:
    """Return the limit that has room last, as the moment and its kind; None when all have room."""
    slots = [
        (_free_at(limit, uses, now, ahead if limit.kind == LimitKind.ORDERS else 0), limit.kind)
        for limit in limits
        if not (replaces and limit.renewals_exempt)
        for uses in _uses(account, limit.kind, names)
    ]
    return max(((slot, kind) for slot, kind in slots if slot is not None), default=None)


def _uses(account: CaAccount, kind: str, names: Sequence[Name]) -> list[QuerySet[CaUse]]:
    """Return what is counted together: one QuerySet for each subject of the order."""
    counted = CaUse.objects.filter(account__in=_counted_at(account, kind), kind=kind)
    return [counted.filter(subject=subject) for subject in subjects(kind, names)]


def _counted_at(account: CaAccount, kind: str) -> list[UUID]:
    if kind not in OF_THE_CA:
        return [account.pk]
    return list(CaAccount.objects.same_ca(account).house().values_list("pk", flat=True))


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


def _free_at(limit: CaLimit, uses: QuerySet[CaUse], now: datetime, ahead: int) -> datetime | None:
    """Return when the window has room for one more behind `ahead` others, None when it has room now."""
    window = timedelta(seconds=limit.seconds)
    recent = uses.filter(at__gt=now - window).order_by("-at")
    newest = list(recent.values_list("at", flat=True)[: limit.amount])
    if len(newest) + ahead < limit.amount:
        return None
    # Those ahead take the free places first, then each the place that the oldest use leaves, for a window again.
    # A use that lies ahead of us was written before the clock was set back.
    taken = [min(at, now) for at in reversed(newest)] + [now] * (limit.amount - len(newest))
    rounds, place = divmod(ahead - (limit.amount - len(newest)), limit.amount)
    return taken[place] + window * (rounds + 1)


def _ahead(order: AcmeOrder) -> int:
    """Return how many older orders of the account wait for a place: who came first is served first."""
    waiting = AcmeOrder.objects.filter(
        account_id=order.account_id,
        url__isnull=True,
        due_at__isnull=False,
        problem__type=LIMIT,
        problem__limit=LimitKind.ORDERS,
    )
    return waiting.filter(created_at__lt=order.created_at).exclude(pk=order.pk).count()


def send_again(walk: Walk) -> None:
    """newOrder is sent once more, its first answer was lost: the place taken then counts from now on. Raises LeaseLost."""
    order, before = walk.order, walk.order.intent_at
    with transaction.atomic():
        walk.hold(intent_at=walk.now)
        if before is not None:
            _one_use(order, before).update(at=order.intent_at)


def give_slot_back(walk: Walk) -> None:
    """The CA has certainly made no order: nothing is to be looked for, and the place is another's. Raises LeaseLost."""
    order, before = walk.order, walk.order.intent_at
    with transaction.atomic():
        order.write(intent_at=None)
        if before is not None:
            _one_use(order, before).delete()
    walk.slot_taken = False


def _one_use(order: AcmeOrder, at: datetime) -> QuerySet[CaUse]:
    """Return the one use of this moment: of several that are alike, any."""
    alike = CaUse.objects.filter(account_id=order.account_id, kind=LimitKind.ORDERS, subject="", at=at)
    return CaUse.objects.filter(pk__in=list(alike.values_list("pk", flat=True)[:1]))


def count_certificate(walk: Walk, now: datetime) -> None:
    """A certificate of this order is being stored: call it in that transaction."""
    account, told = walk.order.account, replacing.told(walk) or ""
    spared = exempt(limits_of(account), told) if told else set()
    house = account.parent_id or account.pk
    insert_all(
        [
            CaUse(account_id=house, kind=kind, subject=subject, at=now)
            for kind in sorted(OF_THE_CA - spared)
            for subject in subjects(kind, walk.names)
        ]
    )


def set_lets_encrypts(account: CaAccount) -> int:
    """Enter Let's Encrypt's limits where the account has none of that kind; return how many were entered.

    An order that names what it replaces is exempt from them where the CA has renewal information (RFC 9773).
    """
    known = set(account.limits.values_list("kind", flat=True))
    missing = [
        CaLimit(
            account=account,
            kind=kind,
            amount=amount,
            seconds=int(window.total_seconds()),
            renewals_exempt=True,
        )
        for kind, (amount, window) in LETS_ENCRYPT.items()
        if kind not in known
    ]
    CaLimit.objects.bulk_create(missing)
    return len(missing)


def forget(now: datetime) -> int:
    """Forget the uses that no window can reach any more; return how many."""
    longest = CaLimit.objects.aggregate(longest=Max("seconds"))["longest"] or 0
    kept = max(KEPT, timedelta(seconds=longest))
    return CaUse.objects.filter(at__lt=now - kept).delete()[0]
