"""The ends of an order: issued, withdrawn, refused, or started afresh."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts.mail import write
from audit.record import record
from audit.vocabulary import Action
from certificates.connection import connect
from certificates.connectors.problems import CaError, Outcome, Place, RetryAt, TryAgain, classify_problem
from certificates.issuance import waits
from certificates.issuance.problems import ours
from certificates.issuance.syncing import sync_authorization
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, Issuance
from leases import LeaseLost
from validation.models import Authorization

MOST_FRESH_STARTS = 5


def give_back(walk: Walk) -> Done:
    """The issuance has ended: hand open or shared authorizations back to the CA, so that nobody inherits them."""
    order = walk.order
    leftover = [row for row in walk.authorizations() if _to_be_returned(walk, row)]
    if leftover and not order.account.paused_at and order.tries < len(waits.RETRIES):
        try:
            connector = walk.connector or connect(order.account)
            for row in leftover:
                sync_authorization(row, connector.deactivate_authorization(row.url))
        except (TryAgain, RetryAt) as error:
            return Done(
                waits.at_or(error.retry_at, walk.now, waits.retry(order.tries)), tries=order.tries + 1
            )
        except CaError:
            # The CA no longer knows them, or will not: the ledger still stands between them and a stranger.
            pass
    Authorization.objects.filter(pk__in=[row.pk for row in leftover]).update(due_at=None, lease_until=None)
    status = order.status if order.status == AcmeOrder.Status.VALID else AcmeOrder.Status.INVALID
    return Done(
        None, status=status, ended_at=order.ended_at or walk.now, waiting_for=AcmeOrder.WaitingFor.NOBODY
    )


def _to_be_returned(walk: Walk, row: Authorization) -> bool:
    if row.status == Authorization.Status.VALID:
        return walk.order.account.shared and not _used_elsewhere(walk, row)
    return row.status == Authorization.Status.PENDING and not _used_elsewhere(walk, row)


def _used_elsewhere(walk: Walk, row: Authorization) -> bool:
    return AcmeOrder.objects.open().needing(row).exclude(pk=walk.order.pk).exists()


def start_afresh(walk: Walk, problem: dict[str, Any]) -> Done:
    """This order is of no use, and it is not the customer's fault: open the next one of the same issuance at once.

    Same CSR, same key, no new charge. After MOST_FRESH_STARTS in a row an operator looks.
    """
    order, now = walk.order, walk.now
    with transaction.atomic():
        walk.hold()
        order.write(
            status=AcmeOrder.Status.INVALID,
            ended_at=now,
            problem=problem,
            waiting_for=AcmeOrder.WaitingFor.NOBODY,
            due_at=None,
        )
        _stop_looking(walk)
        walk.note(Action.CA_PROBLEM, problem=problem)
        fresh = order.attempt % MOST_FRESH_STARTS
        AcmeOrder.objects.create(
            issuance=order.issuance,
            account=order.account,
            attempt=order.attempt + 1,
            created_at=now,
            due_at=now if fresh else now + waits.OPERATOR,
            waiting_for=AcmeOrder.WaitingFor.US if fresh else AcmeOrder.WaitingFor.OPERATOR,
        )
    return Done(None)


def _stop_looking(walk: Walk) -> None:
    rows = [row.pk for row in walk.authorizations() if not _used_elsewhere(walk, row)]
    Authorization.objects.filter(pk__in=rows, status=Authorization.Status.PENDING).update(
        status=Authorization.Status.INVALID, due_at=None, lease_until=None
    )


def end(walk: Walk) -> Done:
    """The CA has given its verdict: learn what it found for each name and say who must act."""
    for row in walk.authorizations():
        if row.status in {Authorization.Status.PENDING, Authorization.Status.VALID}:
            sync_authorization(row, walk.ca.authorization(row.url))
    problems = [row.problem for row in walk.authorizations() if row.problem]
    problem = problems[0] if problems else walk.order.problem
    if problem is None:
        return start_afresh(
            walk, ours("invalid_without_reason", "The CA closed the order without a reason.", walk.now)
        )
    return verdict(walk, problem, classify_problem(str(problem["type"]), place=Place.CHALLENGE))


def verdict(walk: Walk, problem: dict[str, Any], outcome: Outcome) -> Done:
    """End the order as invalid. The issuance stays wanted for the customer's next try, unless no try can help."""
    order, issuance, plan, now = walk.order, walk.issuance, walk.issuance.plan, walk.now
    final = outcome is Outcome.FINAL
    with transaction.atomic():
        walk.hold()
        _stop_looking(walk)
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
