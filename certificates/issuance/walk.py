"""One walk with one order: what the steps share while a worker holds the lease."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from certificates.connectors.base import Connector
from certificates.issuance import reading
from certificates.models import AcmeOrder, Issuance
from identifiers.names import Name
from leases import LEASE
from validation.models import Authorization, Challenge


class Done:
    """The walk ends here: look again at `due_at`, or never (None), and write `values` with that.

    `until_shown` says that the order waits for nothing but its names being seen in place, `until_approved` for nothing
    but the answer of their domains' owners. A walk with a short `pause` may rest that long where it is and go on instead.
    """

    def __init__(
        self,
        due_at: datetime | None,
        *,
        until_shown: bool = False,
        until_approved: bool = False,
        pause: timedelta | None = None,
        **values: Any,
    ) -> None:
        self.due_at = due_at
        self.until_shown = until_shown
        self.until_approved = until_approved
        self.pause = pause
        self.values = values


@dataclass
class Walk:
    order: AcmeOrder
    clock: Callable[[], datetime]
    lease_at: datetime
    connector: Connector | None = None
    # newOrder's place among the account's limits was taken in this very walk: nothing can have been lost yet.
    slot_taken: bool = False
    # What to ask the CA for was settled in this very walk; it is committed with the intent.
    profile_chosen: bool = False
    # The account's profile that is not asked for in this walk, since it leaves people too little time.
    profile_left_out: str = ""
    # This order goes ahead to see whether the CA is well again.
    probes: bool = False
    # How long the CA was just left alone, in this very walk.
    paused: timedelta | None = None
    # What this walk has asked the CA so far, by the name of the call; the row knows what earlier ones have.
    calls: Counter[str] = field(default_factory=Counter, repr=False)
    _asked_before: int = field(init=False, repr=False)
    _authorizations: list[Authorization] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._asked_before = self.order.requests

    @property
    def requests(self) -> int:
        """Return how many requests to the CA this order has cost by now."""
        return self._asked_before + sum(count for name, count in self.calls.items() if name.startswith("ca."))

    @property
    def now(self) -> datetime:
        return self.clock()

    @property
    def ca(self) -> Connector:
        if self.connector is None:
            raise RuntimeError("the engine connects before it takes a step that needs the CA")
        return self.connector

    @property
    def csr(self) -> bytes:
        if self.issuance.csr is None:
            raise RuntimeError("the engine makes the CSR before it takes a step that needs it")
        return bytes(self.issuance.csr)

    @property
    def issuance(self) -> Issuance:
        return self.order.issuance

    @property
    def owner(self) -> User:
        return self.issuance.plan.owner

    @property
    def names(self) -> list[Name]:
        return [Name(ascii=n["ascii"], wildcard=n["wildcard"]) for n in self.issuance.names]

    def hold(self, **values: Any) -> None:
        """Renew the lease, notice when it was lost, before a call that cannot be taken back; write `values` with it.

        With them what the CA was asked so far, so that a walk that dies is counted too. Raises LeaseLost.
        """
        now = self.now
        self.order.renew_lease(now, requests=self.requests, **values)
        self.lease_at = now

    def keep_hold(self) -> None:
        """Renew the lease when a third of it has passed. Raises LeaseLost."""
        if self.clock() - self.lease_at > LEASE / 3:
            self.hold()

    def authorizations(self) -> list[Authorization]:
        """Return this order's authorizations with their challenges, read once a walk."""
        if self._authorizations is None:
            self._authorizations = reading.authorizations_of(self.order)
        return self._authorizations

    def forget(self) -> None:
        """Read the authorizations anew: their rows were changed."""
        self._authorizations = None

    def begin_without(self) -> None:
        """The CA's order is new to us: nothing of it has a row yet."""
        self._authorizations = []

    def add(self, row: Authorization, challenges: Sequence[Challenge]) -> None:
        """Remember a row that was stored just now, as reading anew would find it."""
        if self._authorizations is not None:
            reading.attach(row, list(challenges))
            self._authorizations.append(row)
            self._authorizations.sort(key=lambda one: (one.identifier, one.wildcard))

    def authorizations_known(self) -> bool:
        """True if each of the order has its row. It had when the challenges were answered, and the CA adds none."""
        if self.order.answered_at is not None:
            return True
        known = {row.url for row in self.authorizations()}
        return bool(self.order.authorization_urls) and known >= set(self.order.authorization_urls)

    def note(self, action: Action, **details: Any) -> None:
        """Remember a step of the engine in the plan's story."""
        record(action, self.order, now=self.now, by="issuance", plan_id=self.issuance.plan_id, **details)
