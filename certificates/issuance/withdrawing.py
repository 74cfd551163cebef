"""A proof that is no longer trusted: the ledger forgets it, and no order that rests on it is finished."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from accounts.models import User
from certificates.models import AcmeOrder
from leases import ring
from validation import ledger
from validation.models import Approval, Control


def withdraw_control(control: Control, why: str, *, by: User, now: datetime) -> int:
    """Withdraw this customer's proofs of this very name; return how many orders are looked at afresh.

    Each certificate has left a proof of its own, and one that was left standing would do for the next. Raises
    AlreadyWithdrawn for the one that was pointed at, and ValueError without a reason.

    Whoever works on such an order loses it in the same transaction: what they have read in the ledger before is stale,
    so their next write under the claim fails, and finalize is behind such a write. An approval by mail goes with its
    control, for all of its names.
    """
    with transaction.atomic():
        ledger.withdraw(control, why, by, now)
        same = Control.objects.filter(owner=control.owner_id).current(now)
        proofs = [control, *same.over(control.identifier, wildcard=control.wildcard)]
        for other in proofs[1:]:
            ledger.withdraw(other, why, by, now)
        mails = [proof.approval_id for proof in proofs if proof.approval_id is not None]
        Approval.objects.filter(pk__in=mails, withdrawn_at__isnull=True).update(withdrawn_at=now)
        resting = AcmeOrder.objects.open().filter(
            ended_at__isnull=True,
            issuance__plan__owner=control.owner_id,
            authorizations__identifier=control.identifier,
            authorizations__wildcard=control.wildcard,
        )
        rows = AcmeOrder.objects.filter(pk__in=list(resting.values_list("pk", flat=True)))
        woken = rows.update(epoch=F("epoch") + 1, lease_until=None, due_at=now)
    ring()
    return woken
