"""The ends of an order: issued, withdrawn, refused, or started afresh."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction

from accounts.mail import write
from audit.record import record
from audit.vocabulary import Action
from certificates.connectors.problems import Outcome, Place, Problem, outcome_of
from certificates.held_up import EXPIRED, EXPIRED_UNSEEN, slug_of
from certificates.issuance import operators, proving, uses, waits
from certificates.issuance.problems import as_json, ours, stored
from certificates.issuance.syncing import sync_authorization
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, Issuance
from leases import LeaseLost
from validation.models import Authorization

# So many fresh starts in so long without anybody's doing: an operator looks, and the next ones come by the hour.
MOST_FRESH_STARTS = 5
FRESH_STARTS_WITHIN = timedelta(days=1)


def start_afresh(
    walk: Walk,
    problem: dict[str, Any],
    wait: timedelta = timedelta(0),
    *,
    operator: bool = False,
    expired: bool = False,
) -> Done:
    """This order is of no use, and it is not the customer's fault: open the next one of the same issuance after `wait`.

    Same CSR, same key, no new charge. After MOST_FRESH_STARTS in a row an operator looks, unless it only `expired`:
    nobody at the CA or here could do anything about that.
    """
    order, now = walk.order, walk.now
    operator = operator or (not expired and _too_many(walk))
    due = now + (waits.OPERATOR if operator else wait)
    with transaction.atomic():
        walk.hold()
        order.write(
            status=AcmeOrder.Status.INVALID,
            ended_at=now,
            problem=problem,
            waiting_for=AcmeOrder.WaitingFor.NOBODY,
            due_at=None,
        )
        stop_looking(walk)
        uses.release(walk)
        walk.note(Action.CA_PROBLEM, problem=problem)
        if not order.issuance.acme_orders.filter(attempt__gt=order.attempt).exists():
            AcmeOrder.objects.create(
                issuance=order.issuance,
                account=order.account,
                attempt=order.attempt + 1,
                created_at=now,
                due_at=due,
                waiting_for=AcmeOrder.WaitingFor.OPERATOR if operator else AcmeOrder.WaitingFor.US,
                problem=problem if operator or wait else None,
            )
    return Done(None)


def _too_many(walk: Walk) -> bool:
    """Those that ended by a verdict wait for the customer or for staff, and do not count; nor do those that expired."""
    recent = walk.issuance.acme_orders.filter(
        status=AcmeOrder.Status.INVALID,
        waiting_for=AcmeOrder.WaitingFor.NOBODY,
        ended_at__gt=walk.now - FRESH_STARTS_WITHIN,
    )
    problems = recent.values_list("problem", flat=True)
    faults = [problem for problem in problems if slug_of(problem) not in {EXPIRED, EXPIRED_UNSEEN}]
    return len(faults) >= MOST_FRESH_STARTS - 1


def stop_looking(walk: Walk) -> None:
    rows = [row.pk for row in walk.authorizations() if not used_elsewhere(walk, row)]
    Authorization.objects.filter(pk__in=rows, status=Authorization.Status.PENDING).update(
        status=Authorization.Status.INVALID, due_at=None, lease_until=None
    )


def used_elsewhere(walk: Walk, row: Authorization) -> bool:
    return AcmeOrder.objects.open().needing(row).exclude(pk=walk.order.pk).exists()


def end(walk: Walk) -> Done:
    """The CA has given its verdict: learn what it found for each name and say who must act.

    What it found valid is entered into the ledger, so that only the other names must be shown again.
    """
    said = walk.ca.order(walk.order.url or "").problem
    for row in walk.authorizations():
        walk.keep_hold()
        if row.status in {Authorization.Status.PENDING, Authorization.Status.VALID}:
            sync_authorization(row, walk.ca.authorization(row.url))
    with transaction.atomic():
        walk.hold()
        proving.enter(
            walk, [row for row in walk.authorizations() if row.status == Authorization.Status.VALID]
        )
    found = [stored(row.problem) for row in walk.authorizations() if row.problem and _failed(row)]
    problem = next(iter(found), said)
    if problem is None:
        return start_afresh(
            walk, ours("invalid_without_reason", "The CA closed the order without a reason.", walk.now)
        )
    return conclude(walk, problem)


def _failed(row: Authorization) -> bool:
    return row.status not in {Authorization.Status.PENDING, Authorization.Status.VALID}


def conclude(walk: Walk, problem: Problem) -> Done:
    """An ended order whose reason is known: the customer's, the operator's, or the CA's own trouble."""
    outcome, told = outcome_of(problem, Place.CHALLENGE), as_json(problem, walk.now)
    if outcome in {Outcome.CUSTOMER, Outcome.FINAL}:
        return verdict(walk, told, outcome)
    if outcome is Outcome.OPERATOR:
        if problem.typ in operators.ACCOUNT_PROBLEMS:
            operators.pause(walk, f"{problem.typ}: {problem.detail}", told)
        return start_afresh(walk, told, operator=True)
    return start_afresh(walk, told, waits.retry(2))


def verdict(walk: Walk, problem: dict[str, Any], outcome: Outcome) -> Done:
    """End the order as invalid. The issuance stays wanted for the customer's next try, unless no try can help."""
    order, issuance, plan, now = walk.order, walk.issuance, walk.issuance.plan, walk.now
    final = outcome is Outcome.FINAL
    with transaction.atomic():
        walk.hold()
        stop_looking(walk)
        uses.refused(walk)
        walk.note(Action.CA_INVALID, problem=problem, final=final)
        if final:
            wanted = Issuance.objects.filter(pk=issuance.pk, state=Issuance.State.WANTED)
            if wanted.update(state=Issuance.State.FAILED, ended_at=now, problem=problem) != 1:
                raise LeaseLost(f"issuance {issuance.pk} has ended")
            record(Action.ISSUANCE_FAILED, issuance, now=now, by="issuance", plan_id=plan.pk, problem=problem)
        write(
            "certificate_refused" if final else "validation_failed",
            to=plan.owner.email,
            occasion=f"invalid:{order.pk}",
            now=now,
            context={"plan": plan, "names": issuance.texts, "problem": problem},
            plan_id=plan.pk,
        )
    waiting = AcmeOrder.WaitingFor.OPERATOR if final else AcmeOrder.WaitingFor.CUSTOMER
    return Done(None, status=AcmeOrder.Status.INVALID, ended_at=now, problem=problem, waiting_for=waiting)
