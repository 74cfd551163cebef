"""When issuance must stand still or stop although the CA would go on: the plan, the request, the key."""

from __future__ import annotations

from audit.record import record
from audit.vocabulary import Action
from certificates.compromised import asks_for_compromised_key
from certificates.issuance import waits
from certificates.issuance.problems import ours
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, Issuance, PrivateKey
from leases import LeaseLost
from leases.prepared import Prepared
from leases.updates import update
from orders.models import Plan

GOES_ON = {Plan.State.OPEN, Plan.State.ACTIVE}

# The issuance first, then its plan: whoever holds both takes them in this order.
_held = Prepared(
    lambda pk: (
        Issuance.objects.select_for_update(of=("self", "plan"))
        .select_related("plan", "key")
        .only("state", "plan__state", "key__state")
        .filter(pk=pk)
        .order_by()
    ),
    Issuance._meta.pk,
)


def must_stop(walk: Walk) -> bool:
    """True if nothing more may be asked of the CA. Once the CSR was sent the certificate exists: it is fetched."""
    return walk.order.finalizing_at is None and not _may_go_on(walk.issuance)


def _may_go_on(issuance: Issuance) -> bool:
    destroyed = issuance.key is not None and issuance.key.state == PrivateKey.State.DESTROYED
    return issuance.plan.state in GOES_ON and not destroyed


def stop(walk: Walk) -> Done | None:
    """Wait while the money is disputed; give the request up when the plan has ended or its key is gone."""
    issuance, now = walk.issuance, walk.now
    if issuance.plan.state == Plan.State.SUSPENDED:
        # Nothing here can tell when the money is settled: the plan is looked at again.
        problem = ours("plan_suspended", "The plan is suspended: nothing is asked of the CA meanwhile.", now)
        return Done(now + waits.PAUSED, waiting_for=AcmeOrder.WaitingFor.NOBODY, problem=problem)
    _withdraw(walk, "plan ended" if issuance.plan.state not in GOES_ON else "key destroyed")
    return None


def _withdraw(walk: Walk, why: str) -> None:
    issuance, now = walk.issuance, walk.now
    wanted = {"pk": issuance.pk, "state": Issuance.State.WANTED}
    if update(Issuance, wanted, state=Issuance.State.WITHDRAWN, ended_at=now) != 1:
        raise LeaseLost(f"issuance {issuance.pk} has ended")
    issuance.state = Issuance.State.WITHDRAWN
    record(Action.ISSUANCE_WITHDRAWN, issuance, now=now, by="issuance", plan_id=issuance.plan_id, why=why)


def still_wanted(walk: Walk) -> bool:
    """Read anew, and hold until the transaction ends, what others may have changed. Call it before what cannot be undone.

    The walk sees the new states, so that its next step is the right one.
    """
    issuance = walk.issuance
    held = _held(issuance.pk)[0]
    issuance.state, issuance.plan.state = held.state, held.plan.state
    if issuance.key is not None and held.key is not None:
        issuance.key.state = held.key.state
    if issuance.state == Issuance.State.WANTED and asks_for_compromised_key(issuance):
        _withdraw(walk, "key compromised")
    return issuance.state == Issuance.State.WANTED and _may_go_on(issuance)
