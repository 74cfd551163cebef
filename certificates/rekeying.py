"""The next certificate under another key: after the first issue the customer brings a new CSR, or lets us make the key."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from certificates import issuance
from certificates.activation.saving.csr import pem_of
from certificates.csr import CsrReport
from certificates.models import Activation, Certificate, Issuance
from orders.models import Plan


def rekey(
    plan: Plan,
    report: CsrReport | None,
    *,
    by: User,
    now: datetime,
    address: str | None = None,
    replaces: Certificate | None = None,
) -> Issuance:
    """Set the plan up with this CSR (None: we make key and CSR) and ask for the certificate, both or neither.

    The names stay what they are: the caller has compared them. Raises NotReady.
    """
    source = Activation.CsrSource.PASTED if report is not None else Activation.CsrSource.GENERATED
    with transaction.atomic():
        row = Activation.objects.select_for_update().get(plan=plan)
        row.csr_source, row.csr_done_at = source.value, now
        row.csr_pem = pem_of(report) if report is not None else ""
        row.save(update_fields=["csr_source", "csr_pem", "csr_done_at"])
        record(
            Action.ACTIVATION_SAVED,
            row,
            now=now,
            by=by,
            address=address,
            plan_id=plan.pk,
            order_id=plan.item.order_id,
            step="csr",
            source=source.value,
        )
        return issuance.request(
            plan, by=by, now=now, kind=_kind(plan, report), address=address, replaces=replaces
        )


def _kind(plan: Plan, report: CsrReport | None) -> str:
    """A rekey is a reissue with a new key (design §2): a new CSR of an old key is no rekey."""
    known = report is not None and plan.certificates.filter(spki_sha256=report.spki_sha256).exists()
    return Issuance.Kind.REISSUE if known else Issuance.Kind.REKEY
