"""The circuit breaker of a CA: one that does not answer is left in peace, whoever waits for it.

Counted is what says that the CA itself is in trouble (no answer, 5xx, an answer that is none), over all accounts at the
same directory. After FAILURES in a row nobody asks until `resting_until`; then one goes ahead (half open), and what it
finds decides for all. Orders, revocations and the questions of renewals take their turns here alike (issuance/resting.py
is how an order does).

Only orders lengthen a rest. What is asked beside them trips it too, but a CA whose renewal information alone is broken
still signs: it must neither keep paid orders out for ten minutes nor look like an outage that moves them to another CA.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Max, Q

from certificates.connectors.problems import LOCAL_PREFIX, CaError, RetryAt, TryAgain
from certificates.held_up import RESTING
from certificates.models import AcmeOrder, CaAccount
from certificates.models.acme_order import AcmeOrderQuerySet
from leases import LEASE, ring

FAILURES = 5
RESTS = [timedelta(seconds=s) for s in (30, 60, 120, 240, 480)]
LONGEST_REST = timedelta(minutes=10)
# A CA that says itself for how long (Retry-After) is obeyed so far, then asked by one once more. No longer: a rest that
# ends later than any can is how a clock that was set back is recognized.
LONGEST_TOLD = timedelta(hours=1)
FARTHEST = max(LONGEST_REST, LONGEST_TOLD, LEASE)
BEHIND = timedelta(seconds=1)
UNUSABLE = {LOCAL_PREFIX + "transport", LOCAL_PREFIX + "unusableAnswer"}

Answer = TypeVar("Answer")


@dataclass
class Turn:
    """Whose turn it is: nobody's before `until`; with `probes` the caller's alone, who has to say what it found."""

    until: datetime | None = None
    probes: bool = False


def rest_after(failures: int) -> timedelta:
    """Return how long the CA is left in peace after so many failures in a row."""
    trips = failures - FAILURES
    return RESTS[trips] if trips < len(RESTS) else LONGEST_REST


def down_for(account: CaAccount) -> timedelta:
    """Return for how long the CA has been down at least: the rests that have been tried in vain."""
    trips = max(0, account.failures - FAILURES)
    over = max(0, trips - len(RESTS))
    return sum(RESTS[:trips], timedelta(0)) + LONGEST_REST * over


def down_since(account: CaAccount, now: datetime) -> datetime | None:
    """Return since when the CA is left in peace, None while it is not: its rests, reckoned back from the end of this one.

    While one order tries, this one ends with that order's lease: what is reckoned is then a minute late, never in the future.
    """
    if account.resting_until is None or account.failures < FAILURES:
        return None
    return min(now, account.resting_until - rest_after(account.failures) - down_for(account))


def resting_until(account: CaAccount, now: datetime) -> datetime | None:
    """Return until when nobody may ask this CA, None when it may be asked. Reads the row as it was fetched.

    A rest that ends later than any rest can was written before the clock was set back: it is over.
    """
    until = account.resting_until
    if until is None or until <= now or until > now + FARTHEST:
        return None
    return until


def take_turn(account: CaAccount, now: datetime) -> Turn:
    """Everybody may ask a CA that is well, nobody one that rests, and after a rest the first who comes.

    Whoever gets a turn that `probes` calls `failed`, `succeeded` or `step_back`; should it die, the next one may after a lease.
    """
    if account.resting_until is None:
        return Turn()
    until = resting_until(account, now)
    if until is None:
        if _first(account, now):
            return Turn(probes=True)
        account.refresh_from_db(fields=["failures", "resting_until", "trouble"])
        until = resting_until(account, now)
    return Turn(until)


def _first(account: CaAccount, now: datetime) -> bool:
    """True for the one caller that may try."""
    known = CaAccount.objects.filter(pk=account.pk, resting_until=account.resting_until)
    with transaction.atomic():
        if known.update(resting_until=now + LEASE) != 1:
            return False
        CaAccount.objects.same_ca(account).exclude(pk=account.pk).filter(
            resting_until=account.resting_until
        ).update(resting_until=now + LEASE)
    account.resting_until = now + LEASE
    return True


def is_of_the_ca(error: CaError) -> bool:
    """True if the error says that the CA is in trouble, not that it minds this request."""
    if not isinstance(error, TryAgain | RetryAt):
        return False
    return error.typ in UNUSABLE or error.status == 0 or error.status >= 500


def failed(
    account: CaAccount, error: CaError, now: datetime, *, probes: bool = False, beside: bool = False
) -> None:
    """Count a failure; from FAILURES on the CA rests, each time longer, and as long as it says itself.

    Stragglers of a CA that rests are not counted. `beside`: it was no order that failed.
    """
    ca = CaAccount.objects.same_ca(account)
    awake = Q(resting_until__isnull=True) | Q(resting_until__lte=now) | Q(resting_until__gt=now + FARTHEST)
    with transaction.atomic():
        # In one order, so that two workers do not wait for each other.
        list(ca.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
        if not probes and not ca.filter(awake, pk=account.pk).exists():
            return
        known = ca.aggregate(most=Max("failures"))["most"] or 0
        failures = min(known + 1, max(known, FAILURES)) if beside else known + 1
        values: dict[str, Any] = {"failures": failures, "trouble": str(error)[:300]}
        if failures >= FAILURES:
            values["resting_until"] = max(now + rest_after(failures), _told(error, now))
        ca.update(**values)
        if probes and "resting_until" in values:
            waiting(account).filter(due_at__gt=now).update(due_at=values["resting_until"])
    for name, value in values.items():
        setattr(account, name, value)


def _told(error: CaError, now: datetime) -> datetime:
    """Return until when the CA wants to be left in peace by its own word, within bounds."""
    return min(error.retry_at or now, now + LONGEST_TOLD)


def step_back(account: CaAccount, now: datetime) -> None:
    """Whoever was to try had nothing to ask for after all: the next one that comes may try."""
    mine = CaAccount.objects.same_ca(account).filter(resting_until=account.resting_until)
    mine.update(resting_until=now)


def succeeded(
    account: CaAccount, now: datetime, *, order: AcmeOrder | None = None, beside: bool = False
) -> None:
    """The CA has answered: it is well again, and the orders that waited for it go on at once.

    `order` is the one that has asked. What was asked `beside` the orders ends a rest; that orders go well again, only
    an order can tell, so a longer row of their failures stands until then.
    """
    if not account.failures and account.resting_until is None:
        return
    ca = CaAccount.objects.same_ca(account)
    failures = account.failures if beside and account.failures > FAILURES else 0
    with transaction.atomic():
        list(ca.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
        rested = ca.filter(resting_until__isnull=False).exists()
        ca.filter(Q(failures__gt=0) | Q(resting_until__isnull=False)).update(
            failures=failures, resting_until=None, trouble=""
        )
        others = waiting(account).exclude(pk=order.pk) if order is not None else waiting(account)
        if rested and others.wake(now):
            ring()
    account.failures, account.resting_until, account.trouble = failures, None, ""


def ask_beside(
    account: CaAccount, turn: Turn, ask: Callable[[], Answer], clock: Callable[[], datetime]
) -> Answer:
    """Ask something that is no order, in one's turn, and let everybody know what it says of the CA. Raises what `ask` does."""
    told = False
    try:
        answer = ask()
        succeeded(account, clock(), beside=True)
        told = True
        return answer
    except CaError as error:
        if is_of_the_ca(error):
            failed(account, error, clock(), probes=turn.probes, beside=True)
            told = True
        raise
    finally:
        if turn.probes and not told:
            step_back(account, clock())


def waiting(account: CaAccount) -> AcmeOrderQuerySet:
    """Return the orders that wait for this CA to be well again."""
    at_it = AcmeOrder.objects.filter(account__in=CaAccount.objects.same_ca(account))
    return at_it.filter(due_at__isnull=False, problem__type=RESTING)
