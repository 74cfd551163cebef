"""The circuit breaker of a CA: one that does not answer is left in peace, whoever's orders wait for it.

Counted is what says that the CA itself is in trouble (no answer, 5xx, an answer that is none), over all accounts at the
same directory. After FAILURES in a row nobody asks until `resting_until`; then one order goes ahead (half open), and what
it finds decides for all. Resting changes no business state: the orders keep what they are and are due later.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Q

from certificates.connectors.problems import LOCAL_PREFIX, CaError, RetryAt, TryAgain
from certificates.held_up import RESTING, resting_text
from certificates.issuance import choosing, failing
from certificates.issuance.problems import ours
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, CaAccount
from certificates.models.acme_order import AcmeOrderQuerySet
from leases import LEASE, ring

FAILURES = 5
RESTS = [timedelta(seconds=s) for s in (30, 60, 120, 240, 480)]
LONGEST_REST = timedelta(minutes=10)
BEHIND = timedelta(seconds=1)
UNUSABLE = {LOCAL_PREFIX + "transport", LOCAL_PREFIX + "unusableAnswer"}


def rest_after(failures: int) -> timedelta:
    """Return how long the CA is left in peace after so many failures in a row."""
    trips = failures - FAILURES
    return RESTS[trips] if trips < len(RESTS) else LONGEST_REST


def down_for(account: CaAccount) -> timedelta:
    """Return for how long the CA has been down at least: the rests that have been tried in vain."""
    trips = max(0, account.failures - FAILURES)
    over = max(0, trips - len(RESTS))
    return sum(RESTS[:trips], timedelta(0)) + LONGEST_REST * over


def resting_until(account: CaAccount, now: datetime) -> datetime | None:
    """Return until when nobody may ask this CA, None when it may be asked. Reads the row as it was fetched.

    A rest that ends later than any rest can was written before the clock was set back: it is over.
    """
    until = account.resting_until
    if until is None or until <= now or until > now + max(LONGEST_REST, LEASE):
        return None
    return until


def hold_back(walk: Walk) -> Done | None:
    """Say when to come back while the CA rests; None for whoever may ask: everybody, or after a rest the first who comes."""
    account, now = walk.order.account, walk.now
    if account.resting_until is None or walk.probes:
        return None
    until = resting_until(account, now)
    if until is None:
        if _first(account, now):
            walk.probes = True
            return None
        account.refresh_from_db(fields=["failures", "resting_until", "trouble"])
        until = resting_until(account, now)
        if until is None:
            return None
    return _wait(walk, until)


def _first(account: CaAccount, now: datetime) -> bool:
    """True for the one caller that may try; should it die, the next one may after a lease."""
    known = CaAccount.objects.filter(pk=account.pk, resting_until=account.resting_until)
    with transaction.atomic():
        if known.update(resting_until=now + LEASE) != 1:
            return False
        CaAccount.objects.same_ca(account).exclude(pk=account.pk).filter(
            resting_until=account.resting_until
        ).update(resting_until=now + LEASE)
    account.resting_until = now + LEASE
    return True


def _wait(walk: Walk, until: datetime) -> Done:
    order = walk.order
    moved = choosing.after_outage(walk, down_for(order.account))
    if moved is not None:
        return moved
    problem = ours(RESTING.removeprefix("chancery:"), resting_text(until, walk.now), walk.now)
    kept = {key: value for key, value in (order.problem or {}).items() if key in failing.KEPT}
    # Who has failed lets others try first: it may be this one order that the CA stumbles over.
    due = until + BEHIND if "failures" in kept else until
    return Done(due, waiting_for=AcmeOrder.WaitingFor.CA, problem=problem | kept)


def is_of_the_ca(error: CaError) -> bool:
    """True if the error says that the CA is in trouble, not that it minds this request."""
    if not isinstance(error, TryAgain | RetryAt):
        return False
    return error.typ in UNUSABLE or error.status == 0 or error.status >= 500


def failed(walk: Walk, error: CaError) -> None:
    """Count a failure; from FAILURES on the CA rests, each time longer. Stragglers of a CA that rests are not counted."""
    account, now = walk.order.account, walk.now
    ca = CaAccount.objects.same_ca(account)
    awake = Q(resting_until__isnull=True) | Q(resting_until__lte=now)
    awake |= Q(resting_until__gt=now + max(LONGEST_REST, LEASE))
    with transaction.atomic():
        # In one order, so that two workers do not wait for each other.
        list(ca.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
        if not walk.probes and not ca.filter(awake, pk=account.pk).exists():
            return
        known = ca.aggregate(most=Max("failures"))["most"] or 0
        failures = known + 1
        values = {"failures": failures, "trouble": str(error)[:300]}
        if failures >= FAILURES:
            values["resting_until"] = now + rest_after(failures)
        ca.update(**values)
        if walk.probes:
            waiting(account).filter(due_at__gt=now).update(due_at=values["resting_until"])
    for name, value in values.items():
        setattr(account, name, value)
    walk.probes = False


def come_back(walk: Walk, done: Done) -> Done:
    """Who has failed by the trouble of a CA that rests now comes back after its rest, unless the CA gave a time itself."""
    until = resting_until(walk.order.account, walk.now)
    problem = done.values.get("problem") or {}
    if until is not None and done.due_at is not None and "failures" in problem and "retry_at" not in problem:
        done.due_at = until + BEHIND
    return done


def step_back(walk: Walk) -> None:
    """The walk that was to try had nothing to ask for after all: the next one that comes may try."""
    if walk.probes:
        account = walk.order.account
        mine = CaAccount.objects.same_ca(account).filter(resting_until=account.resting_until)
        mine.update(resting_until=walk.now)
        walk.probes = False


def succeeded(walk: Walk) -> None:
    """The CA has answered: it is well again, and the orders that waited for it go on at once."""
    account = walk.order.account
    if not account.failures and account.resting_until is None:
        return
    ca = CaAccount.objects.same_ca(account)
    with transaction.atomic():
        list(ca.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
        rested = ca.filter(resting_until__isnull=False).exists()
        ca.filter(Q(failures__gt=0) | Q(resting_until__isnull=False)).update(
            failures=0, resting_until=None, trouble=""
        )
        if rested and waiting(account).exclude(pk=walk.order.pk).wake(walk.now):
            ring()
    account.failures, account.resting_until, account.trouble = 0, None, ""
    walk.probes = False


def waiting(account: CaAccount) -> AcmeOrderQuerySet:
    """Return the orders that wait for this CA to be well again."""
    at_it = AcmeOrder.objects.filter(account__in=CaAccount.objects.same_ca(account))
    return at_it.filter(due_at__isnull=False, problem__type=RESTING)
