"""What a CA's refusal means for the order: who must act, and when we look again (design §4, outcomes)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from certificates.connectors.base import AccountStatus
from certificates.connectors.problems import (
    ACME_PREFIX,
    BadCsr,
    CaError,
    NotFound,
    OperatorMustAct,
    Outcome,
    RetryAt,
    TryAgain,
)
from certificates.issuance import choosing, closing, operators, waits
from certificates.issuance.problems import as_json
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, CaAccount

UNAUTHORIZED = ACME_PREFIX + "unauthorized"
NO_ACCOUNT = ACME_PREFIX + "accountDoesNotExist"
# After finalize, what the CA "does not have" is believed after so many looks, over so long: a replica may be behind.
LOOKS_UNTIL_GONE = 4
LOOKED_FOR = timedelta(minutes=10)
# What the next problem of the same order keeps of the last one.
KEPT = {"failures", "since", "missing"}


def after(walk: Walk, error: CaError) -> Done:
    """Turn a refusal into a row that says what happened and when we look again. Transport faults change no status."""
    problem = as_json(error.problem, walk.now)
    if isinstance(error, RetryAt | TryAgain):
        return choosing.after_trouble(walk, again(walk, problem, error.retry_at))
    if isinstance(error, NotFound):
        # Without an order it is the CA's directory or account that is not where it was.
        return order_is_gone(walk, problem) if walk.order.url else operators.needs_operator(walk, problem)
    if isinstance(error, BadCsr) or _speaks_of_the_csr(walk, error):
        return bad_csr(walk, problem)
    if isinstance(error, OperatorMustAct):
        return of_the_account(walk, error, problem)
    if error.outcome is Outcome.NOW:
        return again(walk, problem, None)
    return closing.verdict(walk, problem, error.outcome)


def again(walk: Walk, problem: dict[str, Any], retry_at: datetime | None) -> Done:
    """Come back when the CA says, else after a wait that grows with each failure since the last success."""
    order, now = walk.order, walk.now
    before = order.problem or {}
    failures, since = int(before.get("failures", 0)), before.get("since", now.isoformat())
    wait = waits.retry(failures)
    due = waits.after_trouble(retry_at, now, wait)
    told = {"retry_at": retry_at.isoformat()} if retry_at is not None and retry_at > now else {}
    # No answer says nothing about what earlier ones did not find.
    missing = {"missing": before["missing"]} if "missing" in before else {}
    return Done(
        due,
        waiting_for=AcmeOrder.WaitingFor.CA,
        problem=missing | problem | {"failures": failures + 1, "since": since} | told,
    )


def order_is_gone(walk: Walk, problem: dict[str, Any]) -> Done:
    """The CA says that it has no such order, or not for us: the next one is opened, unless this one may be signed.

    Once the CSR was sent there may be a certificate, and another finalize would make a second one. A replica that is
    behind, or a proxy, says "not found" as well: so it is asked again, until it has been gone for long, or the CA has
    shown that it has lost everything.
    """
    order, now = walk.order, walk.now
    if order.finalizing_at is None and order.status != AcmeOrder.Status.VALID:
        return closing.start_afresh(walk, problem)
    if was_reopened(walk):
        return closing.start_afresh(walk, problem)
    before = (order.problem or {}).get("missing") or {"looks": 0, "since": now.isoformat()}
    looks, since = before["looks"] + 1, datetime.fromisoformat(before["since"])
    if looks >= LOOKS_UNTIL_GONE and now - since >= LOOKED_FOR:
        return closing.start_afresh(walk, problem)
    if account_is_gone(walk):
        forget_account(walk)
        return closing.start_afresh(walk, problem)
    return again(walk, problem | {"missing": {"looks": looks, "since": before["since"]}}, None)


def was_reopened(walk: Walk) -> bool:
    """True if the CA has made the account anew since the CSR was sent: it has forgotten everything, this order too."""
    opened, sent = walk.order.account.opened_at, walk.order.finalizing_at
    return opened is not None and sent is not None and opened > sent


def account_is_gone(walk: Walk) -> bool:
    """True if the CA does not find the account by its key either (RFC 8555 §7.3.1): it was older than the order."""
    if walk.connector is None:
        return False
    try:
        walk.ca.account()
    except CaError as error:
        return error.typ == NO_ACCOUNT
    return False


def forget_account(walk: Walk) -> None:
    """The next order opens the account again."""
    account = walk.order.account
    CaAccount.objects.filter(pk=account.pk, account_url=account.account_url).update(account_url="")


def told_to_wait_until(order: AcmeOrder, now: datetime) -> datetime | None:
    """Return the time before which the CA does not want to be asked, None when there is none or it has passed."""
    told = (order.problem or {}).get("retry_at")
    moment = datetime.fromisoformat(told) if told else None
    return moment if moment is not None and moment > now else None


def recovered(walk: Walk, before: dict[str, Any] | None) -> None:
    """A step has succeeded: the trouble that stood in the row before it is over. Raises LeaseLost."""
    order = walk.order
    if before is not None and order.problem is before and order.status != AcmeOrder.Status.INVALID:
        order.keep(problem=None)
    if before is not None and "failures" in before:
        # The CA answers again: who sleeps off the same trouble need not. Who was given a time sleeps on.
        others = AcmeOrder.objects.filter(account=order.account_id, problem__failures__gt=0)
        others.exclude(pk=order.pk).wake(walk.now)


def _speaks_of_the_csr(walk: Walk, error: CaError) -> bool:
    """Some CAs say badPublicKey of a CSR's key too."""
    return error.typ == ACME_PREFIX + "badPublicKey" and walk.order.finalizing_at is not None


def bad_csr(walk: Walk, problem: dict[str, Any]) -> Done:
    """The CA will not sign this CSR. Made by us it is an operator's matter; pasted, the customer brings another."""
    if walk.issuance.key_id is None:
        return closing.verdict(walk, problem, Outcome.FINAL)
    return operators.needs_operator(walk, problem)


def of_the_account(walk: Walk, error: OperatorMustAct, problem: dict[str, Any]) -> Done:
    """Pause the CA's queue when its account is in the way; a CA that forgot the account is simply told it again."""
    order = walk.order
    if error.typ == NO_ACCOUNT and order.account.account_url:
        if order.finalizing_at is not None:
            return order_is_gone(walk, problem)
        forget_account(walk)
        return closing.start_afresh(walk, problem) if order.url else again(walk, problem, None)
    if error.typ == UNAUTHORIZED and account_stands(walk):
        # The account is in order: the CA speaks of this order only, and one customer must not stop all others.
        return order_is_gone(walk, problem) if order.url else operators.needs_operator(walk, problem)
    if error.problem.terms_of_service:
        # What must be agreed to, for the operator's page (RFC 8555 §7.3.3).
        terms = error.problem.terms_of_service[:500]
        house = CaAccount.objects.filter(pk=order.account.house_account.pk).exclude(terms_offered=terms)
        house.update(terms_offered=terms, terms_offered_at=walk.now)
    if error.typ in operators.ACCOUNT_PROBLEMS | {UNAUTHORIZED}:
        operators.pause(walk, str(error), problem)
    return operators.needs_operator(walk, problem)


def account_stands(walk: Walk) -> bool:
    """Ask the CA about our account (RFC 8555 §7.3.6: a deactivated one is unauthorized everywhere)."""
    if walk.connector is None or not walk.order.account.account_url:
        return False
    try:
        return walk.ca.account().status is AccountStatus.VALID
    except (RetryAt, TryAgain):
        return True
    except CaError:
        return False
