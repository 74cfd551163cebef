"""The mirror of a CA account's limits: asked before newOrder, so that an order waits here instead of being refused there.

Each limit is a sliding window: at most `amount` uses within any `seconds`. A CA may refill steadily instead (Let's
Encrypt's buckets do), which lets more through after a burst; what fits into every window also fits into such a bucket,
so this order of counting is never refused by either kind, and is what CAs document.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, QuerySet

from certificates.issuance import holding
from certificates.issuance.turns import InLine, Queue, rest_of
from certificates.issuance.uses import counted_at, subjects
from certificates.models import AcmeOrder, CaAccount, CaLimit, CaUse, LimitKind
from identifiers.names import Name
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

_ACCOUNT_KEY: Any = CaAccount._meta.pk
_limits = Prepared(lambda account: CaLimit.objects.filter(account_id=account), _ACCOUNT_KEY)


def next_slot(
    account: CaAccount, names: Sequence[Name], replaces: str, now: datetime, *, ahead: int = 0
) -> datetime | None:
    """Return when an order for `names` fits into every limit of the account, None when it does at once.

    `replaces` is what newOrder will name as replaced (RFC 9773 §5), empty for none; `ahead` how many orders wait for a
    place among the account's new orders already.
    """
    full = fullest(account, limits_of(account), names, replaces, now, InLine(ahead))
    return full[0] if full is not None else None


def room_beyond_rest(account: CaAccount, now: datetime, *, replaced: bool) -> datetime | None:
    """Return when one more order fits behind all that are to be sent, the window's last part left free; None: at once.

    For those who can wait as well as not: a mass reissue. `replaced`: its orders name the certificates they replace.
    Of a pattern each customer has a window of their own.
    """
    limits = [limit for limit in limits_of(account) if limit.kind == LimitKind.ORDERS]
    limits = [limit for limit in limits if not (replaced and limit.renewals_exempt)]
    if not limits or account.per_customer:
        return None
    to_send = AcmeOrder.objects.open().filter(
        account=account, url__isnull=True, intent_at__isnull=True, due_at__isnull=False
    )
    full = fullest(account, limits, (), "", now, InLine(to_send.count(), leaves_rest=True))
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


def fullest(
    account: CaAccount,
    limits: Sequence[CaLimit],
    names: Sequence[Name],
    replaces: str,
    now: datetime,
    queue: Queue | InLine,
) -> tuple[datetime, str] | None:
    """Return the limit that has room last, as the moment and its kind; None when all have room. Of a hold that the CA's own
    refusal has brought, the end.
    """
    slots = [
        (free_at(limit, newest_uses(limit, counted, now), now, _line(limit, queue)), limit.kind)
        for limit in limits
        if not (replaces and limit.renewals_exempt)
        for counted in counted_together(account, limit.kind, names)
    ]
    if LimitKind.ORDERS not in exempt(limits, replaces):
        slots.append((holding.held_until(account, now), LimitKind.ORDERS))
    return max(((slot, kind) for slot, kind in slots if slot is not None), default=None)


def _line(limit: CaLimit, queue: Queue | InLine) -> Queue | InLine:
    """Only new orders have a queue."""
    return queue if limit.kind == LimitKind.ORDERS else InLine()


def counted_together(account: CaAccount, kind: str, names: Sequence[Name]) -> list[QuerySet[CaUse]]:
    """Return what is counted together: one QuerySet for each subject of the order."""
    counted = CaUse.objects.filter(account__in=counted_at(account, kind), kind=kind)
    return [counted.filter(subject=subject) for subject in subjects(kind, names)]


def newest_uses(limit: CaLimit, counted: QuerySet[CaUse], now: datetime) -> list[datetime]:
    """Return the latest uses within the window, at most as many as it has room for."""
    recent = counted.filter(at__gt=now - timedelta(seconds=limit.seconds)).order_by("-at")
    return list(recent.values_list("at", flat=True)[: limit.amount])


def free_at(
    limit: CaLimit, newest: Sequence[datetime], now: datetime, queue: Queue | InLine
) -> datetime | None:
    """Return when the window has room for one more behind those ahead, None when it has room now."""
    window, rest = timedelta(seconds=limit.seconds), rest_of(limit)
    with_rest = _room_at(newest, limit.amount - rest, window, now, queue.ahead)
    if with_rest is None or (rest and queue.leaves_rest):
        return with_rest
    return _room_at(newest, limit.amount, window, now, queue.ahead) if rest else with_rest


def _room_at(
    newest: Sequence[datetime], amount: int, window: timedelta, now: datetime, ahead: int
) -> datetime | None:
    """Return when a window for `amount` has room behind `ahead` others, None when it has now; the newest use first."""
    newest = newest[:amount]
    if len(newest) + ahead < amount:
        return None
    # Those ahead take the free places first, then each the place that the oldest use leaves, for a window again.
    # A use that lies ahead of us was written before the clock was set back.
    taken = [min(at, now) for at in reversed(newest)] + [now] * (amount - len(newest))
    rounds, place = divmod(ahead - (amount - len(newest)), amount)
    return taken[place] + window * (rounds + 1)


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
