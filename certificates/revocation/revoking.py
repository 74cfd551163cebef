"""The queue of revocations: the CA is asked by the account that issued, else by the certificate's own key (RFC 8555 §7.6)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.mail import write
from audit.record import record
from audit.vocabulary import Action
from certificates import vault
from certificates.connection import connect
from certificates.connectors.base import Connector
from certificates.connectors.problems import (
    ACME_PREFIX,
    AlreadyRevoked,
    CaError,
    NotFound,
    OperatorMustAct,
    RetryAt,
    TryAgain,
)
from certificates.issuance import breaker, waits
from certificates.issuance.failing import NO_ACCOUNT, UNAUTHORIZED
from certificates.issuance.operators import ACCOUNT_PROBLEMS
from certificates.issuance.problems import as_json, ours
from certificates.models import AcmeOrder, CaAccount, Certificate, Revocation
from certificates.revocation.words import why_refused
from certificates.sealing import CannotUnseal
from leases import LeaseLost, is_away

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

# The account cannot speak for the certificate, or not just now: its own key can.
NOT_BY_THIS_ACCOUNT = ACCOUNT_PROBLEMS | {UNAUTHORIZED, NO_ACCOUNT}
# Nothing that anybody does at our end makes this CA agree to this request.
FINAL = {UNAUTHORIZED, NO_ACCOUNT, ACME_PREFIX + "badRevocationReason"}


# So often a change of the account's key is waited for: some CAs write "key compromise" where the certificate's key signs.
PATIENT_TRIES = 4


class NobodyToAsk(Exception):
    """It is not known which CA account the certificate came from."""


def revoke(row: Revocation, now: datetime | None = None, clock: Clock = timezone.now) -> None:
    """Ask the CA once for a claimed row, and write what came of it. Transport faults change no state.

    A worker that dies in between asks twice at most, and `alreadyRevoked` is as good as done. Raises LeaseLost.
    """
    claimed = _claimed(row)
    if claimed.certificate.not_after <= clock():
        _end_expired(claimed, clock())
        return
    account = issuing_account(claimed.certificate)
    turn = breaker.take_turn(account, clock()) if account is not None else breaker.Turn()
    if turn.until is not None:
        claimed.let_go(turn.until)
        return
    try:
        by_key = _ask_in_turn(claimed, account, turn, clock)
    except (RetryAt, TryAgain) as error:
        _again(claimed, as_json(error.problem, clock()), error.retry_at, clock())
    except CaError as error:
        problem = as_json(error.problem, clock())
        (_refuse if _is_final(error) else _needs_operator)(claimed, problem, clock())
    except CannotUnseal:
        text = "The key cannot be opened: is KEY_ENCRYPTION_KEYS complete?"
        _needs_operator(claimed, ours("cannot_unseal", text, clock()), clock())
    except NobodyToAsk:
        text = "It is not known which CA account this certificate came from."
        _refuse(claimed, ours("no_account", text, clock()), clock())
    except LeaseLost:
        raise
    except Exception as error:
        if is_away(error):
            raise
        # The exception's text may quote anything.
        log.exception("Revocation %s failed", claimed.pk)
        text = f"The revocation failed with {type(error).__name__}; see the log."
        _needs_operator(claimed, ours("unexpected", text, clock()), clock())
    else:
        _done(claimed, clock(), by_key=by_key)


def _claimed(row: Revocation) -> Revocation:
    rows = Revocation.objects.select_related(
        "certificate__issuance__key", "certificate__account", "certificate__owner", "certificate__plan"
    )
    # By the epoch of the claim: read by its key alone, a row that another worker has claimed since would look like ours.
    claimed = rows.filter(pk=row.pk, epoch=row.epoch).first()
    if claimed is None:
        raise LeaseLost(f"Revocation {row.pk}")
    return claimed


def _ask_in_turn(row: Revocation, account: CaAccount | None, turn: breaker.Turn, clock: Clock) -> bool:
    """As `_ask`, and all who wait for this CA learn whether it works. Raises NobodyToAsk too."""
    if account is None:
        raise NobodyToAsk
    return breaker.ask_beside(account, turn, lambda: _ask(row, account, clock), clock)


@sensitive_variables()
def _ask(row: Revocation, account: CaAccount, clock: Clock) -> bool:
    """Have it revoked; True when it took the certificate's own key. Raises a CaError, CannotUnseal, LeaseLost."""
    connector = connect(account)
    der = _der_of(row.certificate)
    try:
        if not account.account_url:
            connector.account()  # the CA may know our key although we have forgotten the URL
        row.renew_lease(clock())
        _send(connector, der, row.reason)
        return False
    except OperatorMustAct as refused:
        # Which word a CA has for a signature by the key that was differs from one to the next.
        if row.tries < PATIENT_TRIES and _key_changes(account):
            raise TryAgain(refused.problem) from refused
        key = _own_key(row.certificate) if refused.typ in NOT_BY_THIS_ACCOUNT else None
        if key is None:
            raise
        row.renew_lease(clock())
        try:
            _send(connector, der, row.reason, key)
        except (RetryAt, TryAgain):
            raise
        except CaError:
            # What keeps the account from speaking is what an operator can mend.
            raise refused from None
        return True


@sensitive_variables()
def _send(connector: Connector, der: bytes, reason: int, key: bytes | None = None) -> None:
    with suppress(AlreadyRevoked):
        connector.revoke(der, reason, certificate_key=key)


def _key_changes(account: CaAccount) -> bool:
    """True while the CA may know another account key than we used: in a moment both agree again (RFC 8555 §7.3.5)."""
    changing = Q(next_key_at__isnull=False) | Q(sealed_next_key__isnull=False)
    return CaAccount.objects.filter(changing, pk=account.pk).exists()


def issuing_account(certificate: Certificate) -> CaAccount | None:
    """Return the CA account it came from; for certificates from before that was kept, its order's."""
    if certificate.account is not None:
        return certificate.account
    orders = AcmeOrder.objects.filter(issuance=certificate.issuance_id, status=AcmeOrder.Status.VALID)
    order = orders.select_related("account").order_by("-attempt").first()
    return order.account if order is not None else None


def _der_of(certificate: Certificate) -> bytes:
    return x509.load_pem_x509_certificate(certificate.leaf_pem.encode("ascii")).public_bytes(Encoding.DER)


@sensitive_variables()
def _own_key(certificate: Certificate) -> bytes | None:
    """Return the certificate's private key (PKCS #8 DER) where we hold it. Raises CannotUnseal."""
    key = certificate.issuance.key
    if key is None:
        return None
    try:
        return vault.open_key(key)
    except vault.KeyDestroyed:
        return None


def _is_final(error: CaError) -> bool:
    # A CA that has lost its certificates says 404 with a problem; a bare 404 is a proxy's.
    forgotten = isinstance(error, NotFound) and error.typ.startswith(ACME_PREFIX)
    return forgotten or error.typ in FINAL


def _done(row: Revocation, now: datetime, *, by_key: bool) -> None:
    """Everything that "revoked" means, or none of it. The plan stays as it is. Raises LeaseLost."""
    certificate = row.certificate
    with transaction.atomic():
        row.let_go(None, done_at=now, problem=None, by_certificate_key=by_key)
        Certificate.objects.filter(pk=certificate.pk).update(state=Certificate.State.REVOKED, revoked_at=now)
        record(
            Action.CERTIFICATE_REVOKED,
            certificate,
            now=now,
            by="revocation",
            plan_id=certificate.plan_id,
            serial=certificate.serial,
            reason=Revocation.Reason(row.reason).name.lower(),
            by_certificate_key=by_key,
        )
        _tell(row, "certificate_revoked", now)


def _again(row: Revocation, problem: dict[str, Any], retry_at: datetime | None, now: datetime) -> None:
    """Come back when the CA says, else after a wait that grows with each failure."""
    wait = waits.retry(row.tries)
    due = waits.after_trouble(retry_at, now, wait)
    row.let_go(due, tries=row.tries + 1, problem=problem)


def _needs_operator(row: Revocation, problem: dict[str, Any], now: datetime) -> None:
    """Nothing helps but a person; told once, tried again by itself every hour all the same."""
    with transaction.atomic():
        if (row.problem or {}).get("type") != problem["type"]:
            _note(Action.CA_PROBLEM, row, problem, now)
        row.let_go(now + waits.OPERATOR, tries=row.tries + 1, problem=problem)


def _refuse(row: Revocation, problem: dict[str, Any], now: datetime) -> None:
    """The CA will not do it for us: an operator's task, and the owner is told what they can do themselves."""
    with transaction.atomic():
        row.let_go(None, refused_at=now, tries=row.tries + 1, problem=problem)
        _note(Action.REVOCATION_REFUSED, row, problem, now)
        _tell(row, "revocation_refused", now)


def _end_expired(row: Revocation, now: datetime) -> None:
    """It ran out while we were asking: nobody trusts it any longer, and nobody needs to act."""
    problem = ours("certificate_expired", "The certificate expired before it was revoked.", now)
    with transaction.atomic():
        row.let_go(None, refused_at=now, problem=problem)
        _note(Action.REVOCATION_REFUSED, row, problem, now)


def _note(action: Action, row: Revocation, problem: dict[str, Any], now: datetime) -> None:
    plan_id = row.certificate.plan_id
    record(action, row.certificate, now=now, by="revocation", plan_id=plan_id, problem=problem)


def _tell(row: Revocation, template: str, now: datetime) -> None:
    certificate = row.certificate
    write(
        template,
        to=certificate.owner.email,
        # A second request after a refusal is another occasion; a second worker with the same one is not.
        occasion=f"{template}:{certificate.pk}:{row.asked_at.isoformat()}",
        now=now,
        context={
            "certificate": certificate,
            "plan": certificate.plan,
            "names": certificate.names,
            "revocation": row,
            "why": why_refused(row),
        },
        plan_id=certificate.plan_id,
    )
