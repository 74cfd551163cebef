"""The issuance loop: one claimed AcmeOrder is moved on until it must wait; every exit writes when to look again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from django.utils import timezone

from certificates.connection import connect, register
from certificates.connectors.problems import CaError
from certificates.issuance import answering, closing, failing, ordering, preparing, signing, waits
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, Issuance
from leases import LEASE

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Step = Callable[[Walk], Done | None]

MOST_STEPS = 20


def advance(order: AcmeOrder, now: datetime | None = None, clock: Clock = timezone.now) -> None:
    """Take steps with a claimed order until there is something to wait for, then let go of it.

    Whatever died where: the step to take is read from the rows alone. Raises LeaseLost when another worker took over.
    """
    order = AcmeOrder.objects.select_related("account", "issuance__plan__owner", "issuance__key").get(
        pk=order.pk
    )
    walk = Walk(order=order, clock=clock, lease_at=clock())
    for _step in range(MOST_STEPS):
        if walk.clock() - walk.lease_at > LEASE / 3:
            walk.hold()
        try:
            done = step_for(walk)(walk)
        except CaError as error:
            done = failing.after(walk, error)
        if done is not None:
            order.let_go(done.due_at, **done.values)
            return
    order.let_go(walk.clock() + waits.SLOWEST_POLL)


def step_for(walk: Walk) -> Step:
    """Return the next step, decided by what the rows say and nothing else."""
    order, issuance = walk.order, walk.issuance
    if issuance.state != Issuance.State.WANTED:
        return closing.give_back
    if order.account.paused_at is not None:
        return wait_for_operator
    if issuance.csr is None:
        return preparing.make_key_and_csr
    if walk.connector is None:
        return connect_to_ca
    if not order.account.account_url:
        return open_account
    if order.url is None:
        return ordering.new_order
    if not walk.authorizations_known():
        return ordering.fetch_authorizations
    return STEPS[order.status]


STEPS: dict[str, Step] = {
    AcmeOrder.Status.PENDING: answering.answer_or_wait,
    AcmeOrder.Status.READY: signing.finalize,
    AcmeOrder.Status.PROCESSING: signing.poll,
    AcmeOrder.Status.VALID: signing.download,
    AcmeOrder.Status.INVALID: closing.end,
}


def wait_for_operator(walk: Walk) -> Done:
    return Done(walk.now + waits.PAUSED, waiting_for=AcmeOrder.WaitingFor.OPERATOR)


def connect_to_ca(walk: Walk) -> None:
    walk.connector = connect(walk.order.account)


def open_account(walk: Walk) -> None:
    register(walk.order.account, walk.ca, walk.now)
