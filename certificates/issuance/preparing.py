"""Before the CA is asked: the key and the CSR, made and sealed."""

from __future__ import annotations

from django.db import transaction

from audit.record import record
from audit.vocabulary import Action
from certificates import keys, vault
from certificates.issuance.walk import Walk
from certificates.models import Issuance
from leases import LeaseLost
from leases.updates import update


def make_key_and_csr(walk: Walk) -> None:
    """Make both outside the transaction (RSA takes its time), commit them together.

    A crash before the commit loses a key whose public half nobody has seen: the next walk makes another.
    """
    issuance = walk.issuance
    key = keys.generate(issuance.key_type)
    csr = keys.make_csr(key, walk.names, **issuance.subject)
    with transaction.atomic():
        walk.hold()
        row = vault.keep(key, owner=walk.owner, key_type=issuance.key_type, now=walk.now)
        if update(Issuance, {"pk": issuance.pk, "csr": None}, csr=csr, key=row) != 1:
            raise LeaseLost(f"issuance {issuance.pk} has its CSR already")
        record(
            Action.KEY_MADE,
            row,
            now=walk.now,
            by="issuance",
            plan_id=issuance.plan_id,
            key_type=issuance.key_type,
        )
    issuance.csr, issuance.key = csr, row
