"""The issuance loop: one claimed AcmeOrder is moved on until it must wait; every exit writes when to look again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from django.utils import timezone
from structlog.contextvars import bind_contextvars

from certificates.connection import connect, register
from certificates.connectors.problems import CaError
from certificates.issuance import (
    answering,
    approvals,
    breaker,
    changing_key,
    choosing,
    closing,
    failing,
    opening_account,
    operators,
    ordering,
    pausing,
    preparing,
    profiling,
    reading,
    resting,
    returning,
    signing,
    slots,
    stopping,
    waits,
)
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, Issuance
from certificates.sealing import CannotUnseal
from leases import LeaseLost, is_away
from outbound import counting

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Step = Callable[[Walk], Done | None]

MOST_STEPS = 20


def advance(order: AcmeOrder, now: datetime | None = None, clock: Clock = timezone.now) -> None:
    """Take steps with a claimed order until there is something to wait for, then let go of it.

    Whatever died where: the step to take is read from the rows alone. Raises LeaseLost when another worker took over.
    """
    claimed = reading.claimed_order(order.pk, order.epoch)
    if claimed is None:
        raise LeaseLost(f"AcmeOrder {order.pk}")
    plan = claimed.issuance.plan
    # Every line that is logged from here on can be found by them; the sweep forgets them after this row.
    bind_contextvars(plan_id=str(plan.pk), order_id=str(plan.item.order_id))
    walk = Walk(order=claimed, clock=clock, lease_at=clock())
    with counting() as walk.calls:
        done = go_on(walk)
        resting.step_back(walk)
        claimed.let_go(done.due_at, **done.values, requests=walk.requests)
    look_back(walk, done)


def go_on(walk: Walk) -> Done:
    """Take steps until one says when to look again. Raises LeaseLost."""
    for _step in range(MOST_STEPS):
        walk.keep_hold()
        done = take(step_for(walk), walk)
        if done is not None and not pausing.rested(walk, done):
            return done
    return Done(walk.now + waits.SLOWEST_POLL)


def take(step: Step, walk: Walk) -> Done | None:
    """Take one step. Whatever it raises becomes a row that says so; only a lost lease or database ends the walk."""
    before = walk.order.problem
    try:
        done = hold_back(step, walk)
        if done is not None:
            return done
        with counting() as calls:
            done = step(walk)
    except CaError as error:
        if not breaker.is_of_the_ca(error):
            return failing.after(walk, error)
        resting.failed(walk, error)
        return resting.come_back(walk, failing.after(walk, error))
    except LeaseLost:
        raise
    except Exception as error:
        if is_away(error):
            raise
        log.exception("AcmeOrder %s: %s failed", walk.order.pk, step.__name__)
        return operators.unexpected(walk, error)
    if step is not returning.give_back and any(name.startswith("ca.") for name in calls):
        resting.succeeded(walk)
    if step in TALKING and not (done is not None and (done.until_shown or done.until_approved)):
        failing.recovered(walk, before)
    return done


def look_back(walk: Walk, done: Done) -> None:
    """See what was written between our reading and our letting go: its wake found the row held, and was lost.

    Who looks again within a moment sees it then.
    """
    if done.due_at is None or done.due_at - walk.now <= waits.A_MOMENT:
        return
    wanted = walk.issuance.state == Issuance.State.WANTED
    found = reading.meanwhile(walk.order)
    shown = done.until_shown and found.all_shown
    approved = done.until_approved and not approvals.missing(walk)
    if shown or approved or (wanted and not found.is_wanted):
        AcmeOrder.objects.filter(pk=walk.order.pk).wake(walk.now)


def step_for(walk: Walk) -> Step:
    """Return the next step, decided by what the rows say and nothing else."""
    order, issuance = walk.order, walk.issuance
    if failing.told_to_wait_until(order, walk.now) is not None:
        return wait_as_told
    if order.account.next_key_at is not None:
        return change_account_key
    if issuance.state != Issuance.State.WANTED or order.ended_at is not None:
        return returning.give_back
    if stopping.must_stop(walk):
        return stopping.stop
    step = of_the_account(order)
    if step is not None:
        return step
    if issuance.csr is None:
        return preparing.make_key_and_csr
    if walk.connector is None:
        return connect_to_ca
    if not order.account.account_url:
        return open_account
    if order.url is None:
        return before_order(walk)
    if not walk.authorizations_known():
        return ordering.fetch_authorizations
    return STEPS[order.status]


def of_the_account(order: AcmeOrder) -> Step | None:
    """Return what the order's account wants first, None when nothing stands in the way."""
    if order.account.stands_still:
        return wait_for_operator
    if order.url is None and not order.account.is_usable:
        return choosing.leave_disabled
    if opening_account.is_due(order):
        return opening_account.move_to_customers_account
    return None


def before_order(walk: Walk) -> Step:
    if walk.order.intent_at is not None:
        return ordering.new_order
    if approvals.first_for(walk):
        return approvals.wait_before_order
    return slots.take_slot if walk.profile_chosen else profiling.choose


STEPS: dict[str, Step] = {
    AcmeOrder.Status.PENDING: answering.answer_or_wait,
    AcmeOrder.Status.READY: signing.finalize,
    AcmeOrder.Status.PROCESSING: signing.poll,
    AcmeOrder.Status.VALID: signing.download,
    AcmeOrder.Status.INVALID: closing.end,
}
# The steps after which an earlier trouble with the CA is over.
TALKING: set[Step] = {ordering.new_order, ordering.fetch_authorizations, *STEPS.values()}


def hold_back(step: Step, walk: Walk) -> Done | None:
    """Ask a CA that is down for nothing. Who waits for the customer waits on, and learns nothing of it."""
    if step in QUIET or walk.order.account.resting_until is None or answering.is_the_customers(walk):
        return None
    return resting.hold_back(walk)


def wait_as_told(walk: Walk) -> Done:
    """Somebody woke the order before the time that the CA gave (Retry-After): sleep on."""
    return Done(failing.told_to_wait_until(walk.order, walk.now))


def wait_for_operator(walk: Walk) -> Done:
    return Done(walk.now + waits.PAUSED, waiting_for=AcmeOrder.WaitingFor.OPERATOR)


def change_account_key(walk: Walk) -> Done | None:
    """The account's key is being changed: its orders stand still, and the next one to come along helps it on."""
    account = walk.order.account
    walk.hold()
    try:
        outcome = changing_key.go_on(account, by="issuance", now=walk.now, mine=walk.order)
    except CannotUnseal:
        return operators.account_is_sealed(walk)
    if outcome is changing_key.Outcome.WAITING and account.next_key_at is not None:
        return Done(max(account.next_key_at, walk.now + changing_key.SOON))
    return None


def connect_to_ca(walk: Walk) -> Done | None:
    try:
        walk.connector = connect(walk.order.account)
    except CannotUnseal:
        return operators.account_is_sealed(walk)
    return None


def open_account(walk: Walk) -> None:
    register(walk.order.account, walk.ca, walk.now)


# The steps that a CA at rest need not be spared: they ask it for nothing, or see to that themselves.
QUIET: set[Step] = {
    wait_as_told,
    wait_for_operator,
    connect_to_ca,
    returning.give_back,
    stopping.stop,
    approvals.wait_before_order,
    choosing.leave_disabled,
    preparing.make_key_and_csr,
    opening_account.move_to_customers_account,
}
