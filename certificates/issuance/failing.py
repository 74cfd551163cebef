"""What a CA's refusal means for the order: who must act, and when we look again (design §4, outcomes)."""

from __future__ import annotations

from audit.record import record
from audit.vocabulary import Action
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
from certificates.issuance import closing, waits
from certificates.issuance.problems import as_json
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, CaAccount

# The account itself is in the way: every order of this CA would fail alike, so its queue pauses.
ACCOUNT_PROBLEMS = {
    ACME_PREFIX + word
    for word in (
        "userActionRequired",
        "externalAccountRequired",
        "badPublicKey",
        "badSignatureAlgorithm",
        "invalidContact",
        "unsupportedContact",
        "unauthorized",
        "invalidProfile",
    )
}


def after(walk: Walk, error: CaError) -> Done:
    """Turn a refusal into a row that says what happened and when we look again. Transport faults change no status."""
    order, now = walk.order, walk.now
    problem = as_json(error.problem, now)
    if order.url is None and not error.may_have_acted and order.intent_at is not None:
        # newOrder was refused for certain: there is nothing to look for at the next try.
        order.write(intent_at=None)
    if isinstance(error, RetryAt):
        due = waits.at_or(error.retry_at, now, waits.retry(order.tries))
        return Done(due, waiting_for=AcmeOrder.WaitingFor.CA, problem=problem, tries=order.tries + 1)
    if isinstance(error, TryAgain):
        due = waits.at_or(error.retry_at, now, waits.retry(order.tries))
        return Done(due, waiting_for=AcmeOrder.WaitingFor.CA, problem=problem, tries=order.tries + 1)
    if isinstance(error, NotFound):
        return closing.start_afresh(walk, problem)
    if isinstance(error, BadCsr):
        return bad_csr(walk, error)
    if isinstance(error, OperatorMustAct):
        return needs_operator(walk, error)
    if error.outcome is Outcome.NOW:
        return Done(now + waits.retry(order.tries), problem=problem, tries=order.tries + 1)
    return closing.verdict(walk, problem, error.outcome)


def bad_csr(walk: Walk, error: BadCsr) -> Done:
    """The CA will not sign this CSR. Made by us it is an operator's matter; pasted, the customer brings another."""
    problem = as_json(error.problem, walk.now)
    if walk.issuance.key_id is None:
        return closing.verdict(walk, problem, Outcome.FINAL)
    walk.note(Action.CA_PROBLEM, problem=problem)
    return Done(walk.now + waits.OPERATOR, waiting_for=AcmeOrder.WaitingFor.OPERATOR, problem=problem)


def needs_operator(walk: Walk, error: OperatorMustAct) -> Done:
    """Pause the CA's queue when its account is in the way; a CA that forgot the account is simply told it again."""
    order, now = walk.order, walk.now
    problem = as_json(error.problem, now)
    if error.typ == ACME_PREFIX + "accountDoesNotExist" and order.account.account_url:
        CaAccount.objects.filter(pk=order.account_id, account_url=order.account.account_url).update(
            account_url=""
        )
        return (
            closing.start_afresh(walk, problem) if order.url else Done(now + waits.retry(0), problem=problem)
        )
    if error.typ in ACCOUNT_PROBLEMS and order.account.pause(str(error)[:1000], now):
        record(
            Action.CA_PAUSED,
            order.account,
            now=now,
            by="issuance",
            plan_id=walk.issuance.plan_id,
            problem=problem,
        )
    walk.note(Action.CA_PROBLEM, problem=problem)
    return Done(now + waits.OPERATOR, waiting_for=AcmeOrder.WaitingFor.OPERATOR, problem=problem)
