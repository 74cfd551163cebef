"""Three ways to get the design wrong, each of which the crash points must find. Patched into the child process only."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from certificates import keys, vault
from certificates.issuance import preparing, signing
from certificates.issuance.walk import Walk
from certificates.models import Issuance
from leases.rows import Leased
from orders.gateways.stripe import StripeGateway


def key_saved_late() -> None:
    """Key and CSR live in memory until the certificate is there: who dies in between has lost the key."""
    made: dict[Any, tuple[Any, bytes]] = {}
    download = signing.store

    def make(walk: Walk) -> None:
        issuance = walk.issuance
        if issuance.pk not in made:
            key = keys.generate(issuance.key_type)
            made[issuance.pk] = key, keys.make_csr(key, walk.names, **issuance.subject)
        issuance.csr = made[issuance.pk][1]

    def store(walk: Walk, chain: Any) -> Any:
        key, csr = made[walk.issuance.pk]
        row = vault.keep(key, owner=walk.owner, key_type=walk.issuance.key_type, now=walk.now)
        Issuance.objects.filter(pk=walk.issuance.pk).update(csr=csr, key=row)
        walk.issuance.key = row
        return download(walk, chain)

    preparing.make_key_and_csr = make
    signing.store = store


def idempotency_key_in_memory() -> None:
    """The gateway is told a key that dies with the process: who asks again has opened a second page to pay at."""
    remembered: dict[str, str] = {}
    create = StripeGateway.create_session

    def create_session(self: StripeGateway, wanted: Any, key: str) -> Any:
        return create(self, wanted, remembered.setdefault(key, uuid.uuid4().hex))

    StripeGateway.create_session = create_session


def epoch_not_checked() -> None:
    """Whoever once held a row goes on writing it, however many others have held it since."""
    checked = Leased.write

    def write(self: Leased, **values: Any) -> None:
        rows = type(self)._default_manager.filter(pk=self.pk)
        self.epoch = rows.values_list("epoch", flat=True).first() or self.epoch
        checked(self, **values)

    Leased.write = write


PATCHES: dict[str, Callable[[], None]] = {
    "key saved late": key_saved_late,
    "idempotency key in memory": idempotency_key_in_memory,
    "epoch not checked": epoch_not_checked,
}
