"""A link for whoever keeps the DNS or the web server: what to publish for the open names, live, without an account.

It tells nothing else of the plan and changes nothing. It ends with the request, when it is withdrawn, and after LIFE.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.urls import reverse

from audit.record import record
from audit.vocabulary import Action
from certificates.activation.approving import Approval as Request
from certificates.activation.approving import NameToShow, approval_of
from certificates.activation.saving import Author
from certificates.issuance.wishes import go_on_after
from certificates.models import AcmeOrder, Issuance
from leases import ring
from validation.models import Approval, Authorization

LIFE = timedelta(days=30)
SALT = "certificates.hand_off"
# Whoever has the link may ask for a look so often; the look itself is the lookout's.
GAP = timedelta(seconds=10)


class Over(Exception):
    """The link was good once; the request has ended (`issued`: well), or the link was withdrawn or has expired."""

    def __init__(self, *, issued: bool = False) -> None:
        super().__init__()
        self.issued = issued


@dataclass(frozen=True)
class HandOff:
    """What the link opens: some names of one running request."""

    token: str
    request: Request
    names: Sequence[NameToShow]

    @property
    def done(self) -> bool:
        """True when there is nothing left to publish."""
        return all(name.proves_itself or name.state in {"seen", "asked", "valid"} for name in self.names)

    @property
    def state(self) -> str:
        return self.request.state


def make(issuance: Issuance, author: Author) -> None:
    """Make the link, or another one in its place: the earlier one is over."""
    mine = Issuance.objects.filter(pk=issuance.pk, state=Issuance.State.WANTED)
    with transaction.atomic():
        if mine.update(hand_off_nonce=secrets.token_hex(16), hand_off_until=author.now + LIFE):
            _note(Action.HAND_OFF_MADE, issuance, author)


def withdraw(issuance: Issuance, author: Author) -> None:
    with transaction.atomic():
        if Issuance.objects.filter(pk=issuance.pk).exclude(hand_off_nonce="").update(hand_off_nonce=""):
            _note(Action.HAND_OFF_WITHDRAWN, issuance, author)


def _note(action: Action, issuance: Issuance, author: Author) -> None:
    record(
        action,
        issuance,
        now=author.now,
        by=author.user,
        address=author.address,
        plan_id=issuance.plan_id,
    )


def link_of(issuance: Issuance, now: datetime) -> str:
    """Return the buyer's link in full, the same one each time; "" where there is none."""
    until = issuance.hand_off_until
    if not issuance.hand_off_nonce or until is None or until <= now:
        return ""
    return settings.PORTAL_URL + path_of(_signed(issuance, {"n": issuance.hand_off_nonce}, until))


def path_for_approver(approval: Approval, now: datetime) -> str:
    """Return the page for whoever has approved, "" where no request runs that would need anything published."""
    running = Issuance.objects.filter(state=Issuance.State.WANTED)
    issuance = running.filter(plan_id=approval.plan_id).first() if approval.plan_id is not None else None
    if issuance is None:
        return ""
    return path_of(_signed(issuance, {"a": approval.pk.hex}, approval.expires_at))


def path_of(token: str) -> str:
    return reverse("hand-off", args=[token])


def _signed(issuance: Issuance, by: dict[str, str], until: datetime) -> str:
    return Signer(salt=SALT).sign_object(
        {"i": issuance.pk.hex, "e": int(until.timestamp()), **by}, compress=False
    )


def opened(token: str, now: datetime) -> HandOff:
    """Return what the link opens. Raises LookupError for a link that was never ours, and Over."""
    try:
        told: Any = Signer(salt=SALT).unsign_object(token)
    except (BadSignature, ValueError) as forged:
        raise LookupError("no such link") from forged
    issuance = Issuance.objects.select_related("plan").filter(pk=uuid.UUID(told["i"])).first()
    if issuance is None or datetime.fromtimestamp(told["e"], UTC) <= now:
        raise Over
    scope = _scope(told, issuance, now)
    if issuance.state != Issuance.State.WANTED:
        raise Over(issued=issuance.state == Issuance.State.ISSUED)
    request = approval_of(issuance.plan, now)
    if request is None or request.issuance.pk != issuance.pk:
        raise Over
    names = [name for name in request.names if scope is None or name.text in scope]
    if not names:
        raise Over
    return HandOff(token, request, names)


def _scope(told: dict[str, str], issuance: Issuance, now: datetime) -> set[str] | None:
    """Return the names that the link is about, None for all. Raises Over."""
    if "a" not in told:
        if not issuance.hand_off_nonce or not secrets.compare_digest(told["n"], issuance.hand_off_nonce):
            raise Over
        return None
    approval = Approval.objects.filter(pk=uuid.UUID(told["a"]), plan_id=issuance.plan_id).first()
    if approval is None or not approval.is_given(now):
        raise Over
    return set(approval.names)


def look(hand_off: HandOff, now: datetime, address: str | None) -> int:
    """Have the names looked at, at most once in GAP each; return how many will be."""
    rows = [name.authorization for name in hand_off.names if name.authorization is not None]
    with transaction.atomic():
        woken = sum(Authorization.objects.ask(row.pk, now, GAP) for row in rows)
        if woken:
            record(
                Action.LOOKED_AGAIN, hand_off.request.issuance, now=now, by="hand-off", address=address,
                plan_id=hand_off.request.plan.pk, names=woken,
            )  # fmt: skip
    ring()
    return woken


def wake(approval: Approval, now: datetime) -> None:
    """Tell the orders of this customer that wait for an answer, and the one that rests since none came in time."""
    AcmeOrder.objects.open().filter(issuance__plan__owner=approval.owner_id).wake(now)
    go_on_after(approval, now)
    ring()
