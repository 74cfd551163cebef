"""How an order stands by a CA that does not work: it waits, or moves on, or goes ahead of all (issuance/breaker.py).

Resting changes no business state: the orders keep what they are and are due later.
"""

from __future__ import annotations

from datetime import datetime

from certificates.connectors.problems import CaError
from certificates.held_up import RESTING, resting_text
from certificates.issuance import breaker, choosing, failing
from certificates.issuance.problems import ours
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder


def hold_back(walk: Walk) -> Done | None:
    """Say when to come back while the CA rests; None for whoever may ask."""
    account = walk.order.account
    if account.resting_until is None or walk.probes:
        return None
    turn = breaker.take_turn(account, walk.now)
    walk.probes = turn.probes
    return _wait(walk, turn.until) if turn.until is not None else None


def _wait(walk: Walk, until: datetime) -> Done:
    order, now = walk.order, walk.now
    # A CA that says itself that it is away for long is as good as one that has been.
    moved = choosing.after_outage(walk, max(breaker.down_for(order.account), until - now))
    if moved is not None:
        return moved
    problem = ours(RESTING.removeprefix("chancery:"), resting_text(until, now), now)
    kept = {key: value for key, value in (order.problem or {}).items() if key in failing.KEPT}
    # Who has failed lets others try first: it may be this one order that the CA stumbles over.
    due = until + breaker.BEHIND if "failures" in kept else until
    return Done(due, waiting_for=AcmeOrder.WaitingFor.CA, problem=problem | kept)


def failed(walk: Walk, error: CaError) -> None:
    breaker.failed(walk.order.account, error, walk.now, probes=walk.probes)
    walk.probes = False


def come_back(walk: Walk, done: Done) -> Done:
    """Who has failed by the trouble of a CA that rests now comes back after its rest, unless the CA gave a time itself."""
    until = breaker.resting_until(walk.order.account, walk.now)
    problem = done.values.get("problem") or {}
    if until is not None and done.due_at is not None and "failures" in problem and "retry_at" not in problem:
        done.due_at = until + breaker.BEHIND
    return done


def step_back(walk: Walk) -> None:
    if walk.probes:
        breaker.step_back(walk.order.account, walk.now)
        walk.probes = False


def succeeded(walk: Walk) -> None:
    breaker.succeeded(walk.order.account, walk.now, order=walk.order)
    walk.probes = False
