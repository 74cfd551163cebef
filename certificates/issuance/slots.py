"""A place within the CA account's limits: taken with the intent to send newOrder, given back, or waited for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Case, DateTimeField, F, Q, Value, When
from django.db.models.functions import Greatest

from certificates.held_up import LIMIT, next_slot_text
from certificates.issuance import choosing, replacing, uses
from certificates.issuance.limits import counted_together, exempt, free_at, fullest, limits_of, newest_uses
from certificates.issuance.problems import ours
from certificates.issuance.turns import InLine, Queue
from certificates.issuance.uses import OF_THE_CA
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, CaAccount, CaLimit, LimitKind

# Of a longer queue the last learn of it when they are woken.
MOST_POSTPONED = 300


def take_slot(walk: Walk) -> Done | None:
    """Take a place among the account's new orders and commit that newOrder is about to be sent, or wait for the next slot.

    The uses and the intent are one commit: whoever dies after it finds the places taken, and nobody takes them twice.
    """
    order = walk.order
    replaces = replacing.to_tell(walk)
    told = replaces if replaces != replacing.REFUSED else ""
    with transaction.atomic():
        now = walk.now
        limits = limits_of(order.account)
        if limits:
            _hold_places(order, limits)
        queue = Queue(order, limits, now)
        full = fullest(order.account, limits, walk.names, told, now, queue)
        if full is None:
            walk.hold(intent_at=now, replaces=replaces)
            uses.enter(walk, now, exempt(limits, told))
        elif full[1] == LimitKind.ORDERS:
            _postpone(order, limits, queue, now)
    if full is not None:
        return choosing.after_limit(walk, full[0]) or _wait(walk, *full)
    walk.slot_taken = True
    return None


def _hold_places(order: AcmeOrder, limits: Sequence[CaLimit]) -> None:
    """One at a time: two workers that count at once would both take the last place. Held until the transaction ends.

    What the CA counts over all accounts is counted by one worker at a time for all of them.
    """
    held = Q(pk=order.account_id)
    if any(limit.kind in OF_THE_CA for limit in limits):
        held |= Q(directory_url=order.account.directory_url, parent__isnull=True)
    rows = CaAccount.objects.filter(held).order_by("pk").select_for_update(no_key=True)
    list(rows.values_list("pk", flat=True))


def _wait(walk: Walk, slot: datetime, kind: str) -> Done:
    problem = ours(LIMIT.removeprefix("chancery:"), next_slot_text(kind, slot, walk.now), walk.now)
    return Done(slot, waiting_for=AcmeOrder.WaitingFor.CA, problem=problem | {"limit": kind})


def _postpone(order: AcmeOrder, limits: Sequence[CaLimit], queue: Queue, now: datetime) -> None:
    """Those behind an order that has just come before them have a later slot, and are told that one.

    Where the CA's refusal holds the account and no limit of ours does, all may go on at the same moment.
    """
    orders = [limit for limit in limits if limit.kind == LimitKind.ORDERS]
    behind = queue.behind[:MOST_POSTPONED] if orders else []
    if not behind or (order.problem or {}).get("type") == LIMIT:
        return
    counted = counted_together(order.account, LimitKind.ORDERS, ())[0]
    used = [(limit, newest_uses(limit, counted, now)) for limit in orders]
    slots = []
    for ahead, place in behind:
        line = InLine(ahead, place.leaves_rest)
        moments = [free_at(limit, newest, now, line) for limit, newest in used]
        slots.append((place.pk, max((moment for moment in moments if moment is not None), default=now)))
    later = Case(
        *(When(pk=pk, then=Value(slot, output_field=DateTimeField())) for pk, slot in slots),
        default=F("due_at"),
        output_field=DateTimeField(),
    )
    asleep = AcmeOrder.objects.filter(pk__in=[pk for pk, _slot in slots], due_at__gt=now, problem__type=LIMIT)
    asleep.filter(lease_until__isnull=True, url__isnull=True).update(due_at=Greatest("due_at", later))


def send_again(walk: Walk) -> None:
    """newOrder is sent once more, its first answer was lost: the places taken then count from now on. Raises LeaseLost."""
    before = walk.order.intent_at
    with transaction.atomic():
        walk.hold(intent_at=walk.now)
        if before is not None:
            uses.send_again(walk, before)


def give_slot_back(walk: Walk) -> None:
    """The CA has certainly made no order: nothing is to be looked for, and the places are another's. Raises LeaseLost."""
    before = walk.order.intent_at
    with transaction.atomic():
        walk.order.write(intent_at=None)
        if before is not None:
            uses.take_back(walk, before)
    walk.slot_taken = False


def count_certificate(walk: Walk, now: datetime) -> None:
    """A certificate of this order is being stored: call it in that transaction."""
    told = replacing.told(walk) or ""
    uses.confirm(walk, now, exempt(limits_of(walk.order.account), told) if told else ())
