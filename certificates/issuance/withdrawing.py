"""A proof that is no longer trusted: the ledger forgets it, and no order that rests on it is finished."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from accounts.models import User
from certificates.models import AcmeOrder
from leases import ring
from validation import ledger
from validation.models import Approval, Control


def withdraw_control(control: Control, why: str, *, by: User, now: datetime) -> int:
    """Withdraw this customer's proofs of this very name; return how many orders are looked at afresh.

    Each certificate has left a proof of its own, and one that was left standing would do for the next. Raises
    AlreadyWithdrawn for the one that was pointed at, and ValueError without a reason.

    Whoever works on such an order loses it in the same transaction, first of all: what they have read in the ledger
    before is stale, so their next write under the claim fails. Finalize is behind such a write, and a proof is entered
    with one. What this customer has been asked to show until now shows the name no more (`ledger.record_control`): the
    order begins again. An approval by mail goes with its control, for all of its names.
    """
    with transaction.atomic():
        woken = _take_away(control, now)
        ledger.withdraw(control, why, by, now)
        same = Control.objects.filter(owner=control.owner_id).current(now)
        proofs = [control, *same.over(control.identifier, wildcard=control.wildcard)]
        for other in proofs[1:]:
            ledger.withdraw(other, why, by, now)
        mails = [proof.approval_id for proof in proofs if proof.approval_id is not None]
        Approval.objects.filter(pk__in=mails, withdrawn_at__isnull=True).update(withdrawn_at=now)
    ring()
    return woken


def _take_away(control: Control, now: datetime) -> int:
    """Take this customer's orders from whoever works on them, and have those that need the name looked at; return how many."""
    mine = AcmeOrder.objects.open().filter(ended_at__isnull=True, issuance__plan__owner=control.owner_id)
    needing = mine.filter(
        authorizations__identifier=control.identifier, authorizations__wildcard=control.wildcard
    )
    resting = list(needing.values_list("pk", flat=True))
    # One whose names are being read may be about to take up an authorization that was opened before.
    busy = Q(lease_until__isnull=False, finalizing_at__isnull=True)
    held = mine.filter(busy).exclude(pk__in=resting).values_list("pk", flat=True)
    rows = AcmeOrder.objects.filter(pk__in=[*resting, *held])
    rows.update(epoch=F("epoch") + 1, lease_until=None, due_at=now)
    return len(resting)
