"""What only a person can put right: who has to look, and the CA account that stands still until somebody has."""

from __future__ import annotations

from typing import Any

from audit.record import record
from audit.vocabulary import Action
from certificates.connectors.problems import ACME_PREFIX
from certificates.issuance import waits
from certificates.issuance.problems import ours
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder

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
    )
}
# What every customer's account of the same pattern would meet as well.
OF_THE_PATTERN = {ACME_PREFIX + word for word in ("userActionRequired", "externalAccountRequired")}


def needs_operator(walk: Walk, problem: dict[str, Any]) -> Done:
    """Nothing helps but a person; told once in the plan's story, tried again by itself every hour all the same."""
    if (walk.order.problem or {}).get("type") != problem["type"]:
        walk.note(Action.CA_PROBLEM, problem=problem)
    return Done(walk.now + waits.OPERATOR, waiting_for=AcmeOrder.WaitingFor.OPERATOR, problem=problem)


def pause(walk: Walk, why: str, problem: dict[str, Any]) -> None:
    account, now = walk.order.account, walk.now
    if problem["type"] in OF_THE_PATTERN:
        account = account.house_account
    if account.pause(why[:1000], now, problem.get("instance") or ""):
        plan_id = walk.issuance.plan_id
        record(Action.CA_PAUSED, account, now=now, by="issuance", plan_id=plan_id, problem=problem)


def account_is_sealed(walk: Walk) -> Done:
    """No key-encryption key opens the CA account: every order of it would fail alike."""
    text = "The CA account's key cannot be opened: is KEY_ENCRYPTION_KEYS complete?"
    problem = ours("cannot_unseal", text, walk.now)
    pause(walk, text, problem)
    return needs_operator(walk, problem)


def unexpected(walk: Walk, error: Exception) -> Done:
    """A fault of our own must not hide in a log: it is an operator's row too. The exception's text may quote anything."""
    return needs_operator(
        walk, ours("unexpected", f"The step failed with {type(error).__name__}; see the log.", walk.now)
    )
