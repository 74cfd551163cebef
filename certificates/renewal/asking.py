"""One question to the CA: when shall this certificate be replaced (RFC 9773 §4.2, §4.3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from audit.record import record
from audit.vocabulary import Action
from certificates import keys
from certificates.connectors import CONNECTORS
from certificates.connectors.base import CaEndpoint, Connector, RenewalFacts
from certificates.connectors.problems import CaError, RetryAt, TryAgain
from certificates.issuance import breaker
from certificates.issuance.problems import as_json, ours
from certificates.models import CaAccount, Certificate, RenewalInfo
from certificates.renewal import moment
from certificates.renewal.ari import NoCertId, cert_id
from certificates.upcoming import is_blocked

# RFC 9773 §4.3.2, §4.3.3: what may pass is tried again ever more seldom, what will not, in six hours.
FIRST_RETRY = timedelta(minutes=1)
GROWTH = 4
LONG = timedelta(hours=6)
LATEST = timedelta(days=1)
BEHIND_ORDERS = timedelta(seconds=10)


def is_due(row: RenewalInfo, now: datetime) -> bool:
    return row.ask_at is not None and row.ask_at <= now


def ask(row: RenewalInfo, certificate: Certificate, now: datetime) -> None:
    """Ask, and write what came of it; whatever the CA does, an earlier window stays until there is another.

    Raises LeaseLost.
    """
    account = certificate.account
    if account is None:
        row.write(ask_at=None)
        return
    try:
        name = cert_id(certificate.leaf_pem)
    except NoCertId as error:
        row.write(ask_at=None, checked_at=now, problem=_problem(row, ours("no_cert_id", str(error), now)))
        return
    turn = breaker.take_turn(account, now)
    if turn.until is not None:
        # Orders find out first whether the CA is well again: somebody waits for them.
        row.write(ask_at=turn.until + BEHIND_ORDERS)
        return
    try:
        facts = breaker.ask_beside(account, turn, lambda: stranger(account).renewal_info(name), lambda: now)
    except CaError as error:
        row.write(
            ask_at=_again_at(row, error, now),
            tries=row.tries + 1,
            problem=_problem(row, as_json(error.problem, now)),
        )
    else:
        keep(row, certificate, facts, now)


def keep(row: RenewalInfo, certificate: Certificate, facts: RenewalFacts, now: datetime) -> None:
    """Write the window. The moment is drawn once for each window, not at every look. Raises LeaseLost."""
    known = (row.window_start, row.window_end)
    values: dict[str, Any] = {}
    if row.reissue_at is None or known != (facts.window_start, facts.window_end):
        values["reissue_at"] = moment.within(facts.window_start, facts.window_end, certificate, now)
    with transaction.atomic():
        row.write(
            window_start=facts.window_start,
            window_end=facts.window_end,
            explanation_url=facts.explanation_url,
            checked_at=now,
            ask_at=facts.retry_at,
            tries=0,
            problem=_problem(row, None),
            **values,
        )
        if values and known != (None, None):
            record(
                Action.RENEWAL_MOVED,
                certificate,
                now=now,
                by="renewals",
                plan_id=certificate.plan_id,
                begins=facts.window_start.isoformat(),
                ends=facts.window_end.isoformat(),
                reissue_at=values["reissue_at"].isoformat(),
                why=facts.explanation_url,
            )


def _problem(row: RenewalInfo, told: dict[str, Any] | None) -> dict[str, Any] | None:
    """What keeps the next certificate from being ordered is for its owner, and is not covered by the CA's troubles."""
    return row.problem if is_blocked(row) else told


def stranger(account: CaAccount) -> Connector:
    """Return a connector that speaks for nobody: the question is not signed, so the account's key stays sealed."""
    house = account.house_account
    endpoint = CaEndpoint(
        directory_url=house.directory_url,
        account_key_pem=keys.to_pem(keys.generate("ec-p256")),
        roots_pem=house.roots_pem or None,
    )
    return CONNECTORS[house.connector](endpoint)


def _again_at(row: RenewalInfo, error: CaError, now: datetime) -> datetime:
    said = error.retry_at
    passes = isinstance(error, RetryAt | TryAgain)
    wait = min(FIRST_RETRY * GROWTH ** min(row.tries, 6), LONG) if passes else LONG
    return min(max(said, now + FIRST_RETRY), now + LATEST) if said is not None else now + wait
