"""Asking for a revocation. Only writes rows and rings; the queue talks to the CA."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from certificates import issuance
from certificates.compromised import key_of
from certificates.models import Certificate, Issuance, Revocation
from leases import ring

Reason = Revocation.Reason


class NotPossible(Exception):
    """This certificate cannot be revoked, or not now; the message is for whoever asked."""


def revocable(certificate: Certificate, now: datetime) -> bool:
    """True while browsers would still trust it. A superseded certificate is as good as any until it expires."""
    return certificate.state != Certificate.State.REVOKED and certificate.not_after > now


def request(
    certificate: Certificate,
    reason: Reason,
    *,
    by: User,
    now: datetime,
    address: str | None = None,
    note: str = "",
) -> Revocation:
    """Have a certificate revoked. Asked twice, the running request is returned; one the CA refused is opened again.

    A running request is asked anew when its reason was a lesser one than a key that became known.

    With a key that became known, every certificate of this owner under the same key goes too, and a request for
    another one is withdrawn. `note` is an operator's own word for the audit log. Raises NotPossible.
    """
    with transaction.atomic():
        # Issuances before certificates, and those in one order: so does the engine, and nobody waits for the other.
        if reason == Reason.KEY_COMPROMISE:
            _withdraw_requests(certificate, by=by, now=now)
        rows = {}
        for held in _hold(certificate, reason, now):
            if held.pk == certificate.pk:
                _refuse(held, now)
            rows[held.pk] = _open(held, reason, by=by, now=now, address=address, note=note)
    ring()
    return rows[certificate.pk]


def _hold(certificate: Certificate, reason: Reason, now: datetime) -> list[Certificate]:
    """Lock what goes: the one and, with a key that became known, all others under it."""
    wanted = {certificate.pk}
    if reason == Reason.KEY_COMPROMISE:
        wanted.update(same_key(certificate, now).values_list("pk", flat=True))
    return list(Certificate.objects.select_for_update(of=("self",)).filter(pk__in=wanted).order_by("pk"))


def _refuse(certificate: Certificate, now: datetime) -> None:
    if certificate.state == Certificate.State.REVOKED:
        raise NotPossible(_("This certificate has been revoked before."))
    if certificate.not_after <= now:
        raise NotPossible(_("This certificate has expired: nobody trusts it any longer."))


def _open(
    certificate: Certificate, reason: Reason, *, by: User, now: datetime, address: str | None, note: str
) -> Revocation:
    wanted = {"reason": reason, "asked_by": by, "asked_at": now, "due_at": now}
    # The certificate is locked, so nobody else opens one; the row itself a worker may hold just now.
    row, created = Revocation.objects.get_or_create(certificate=certificate, defaults=wanted)
    if not created and not row.refused:
        if reason != Reason.KEY_COMPROMISE or row.of_compromised_key or row.done_at is not None:
            return row
        # Worse is known now than when it was asked first. Who holds the row with the old word loses it.
        graver = wanted | {"epoch": F("epoch") + 1, "lease_until": None}
        Revocation.objects.under_way().filter(pk=row.pk).update(**graver)
        row.refresh_from_db()
    if not created:
        again = wanted | {"refused_at": None, "problem": None, "tries": 0}
        Revocation.objects.filter(pk=row.pk).update(**again)
        row.refresh_from_db()
    more: dict[str, Any] = {"note": note} if note else {}
    record(
        Action.REVOCATION_ASKED,
        certificate,
        now=now,
        by=by,
        address=address,
        plan_id=certificate.plan_id,
        serial=certificate.serial,
        reason=Reason(reason).name.lower(),
        **more,
    )
    return row


def same_key(certificate: Certificate, now: datetime) -> QuerySet[Certificate]:
    """Return the owner's other trusted certificates under this key: a reissue with the same CSR shares it.

    Who knows the key can pretend to be the holder of any of them.
    """
    same = Certificate.objects.filter(
        owner=certificate.owner_id, spki_sha256=certificate.spki_sha256, not_after__gt=now
    )
    others = same.exclude(pk=certificate.pk).exclude(state=Certificate.State.REVOKED)
    return others.order_by("pk")


def _withdraw_requests(certificate: Certificate, *, by: User, now: datetime) -> None:
    """Stop what would certify the same key once more. Raises NotPossible while the CA is signing just that."""
    running = Issuance.objects.filter(
        plan__owner=certificate.owner_id, state=Issuance.State.WANTED, key__isnull=True, csr__isnull=False
    )
    for wanted in running:
        if key_of(wanted) != certificate.spki_sha256:
            continue
        try:
            issuance.withdraw(wanted, by=by, now=now)
        except issuance.NotPossible as exc:
            raise NotPossible(
                _(
                    "Another certificate with the same key is being made this moment. Ask again in a minute, so that both go."
                )
            ) from exc
