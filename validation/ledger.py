"""Rule one: a customer gets a certificate only for names this very customer has shown control of.

A CA account that customers share makes the CA blind to which of them asks. So every proof is entered here with its
customer, and issuance asks here before newOrder and again before finalize.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import QuerySet

from audit.record import record
from audit.vocabulary import Action
from identifiers.names import Name
from leases.inserts import insert_once
from leases.prepared import Prepared
from validation import reuse
from validation.models import Authorization, Control
from validation.models.authorization import Method

if TYPE_CHECKING:
    from accounts.models import User


class NotTheirs(Exception):
    """The proof belongs to another customer or to another name than the one it is to be entered for."""


class AlreadyWithdrawn(Exception):
    """Somebody withdrew this control before."""


def record_control(
    owner: User, identifier: str, wildcard: bool, method: str, authorization: Authorization, now: datetime
) -> Control | None:
    """Enter that `owner` showed control of the name; the same authorization again changes nothing.

    A withdrawn control stays withdrawn: what its authorization proved is no longer trusted. Nor is what any other shows
    that was opened before the withdrawal, whenever that is found out: None, and nothing is entered. Call it where a
    claim is held in the same transaction: a withdrawal ends the claim first. Raises NotTheirs, and ValueError for a
    method or a name that are none.
    """
    name = _key(identifier)
    if method not in Method.values:
        raise ValueError(f"no such method: {method!r}")
    proven = (authorization.owner_id, authorization.identifier, authorization.wildcard)
    if proven != (owner.pk, name, wildcard):
        raise NotTheirs(f"authorization {authorization.pk} does not prove {identifier} for {owner.pk}")
    if shows_in_vain([authorization]):
        return Control.objects.filter(authorization=authorization, wildcard=wildcard).first()
    # No savepoint of its own: a conflict leaves the transaction as it was.
    with transaction.atomic(savepoint=False):
        control = insert_once(
            Control,
            authorization=authorization,
            wildcard=wildcard,
            owner=owner,
            identifier=name,
            method=method,
            shown_at=now,
            expires_at=reuse.expires(now),
        )
        if control is None:
            return Control.objects.get(authorization=authorization, wildcard=wildcard)
        record(
            Action.CONTROL_SHOWN, control, now=now, by="issuance", plan_id=authorization.plan_id,
            name=control.text, method=method, until=control.expires_at.isoformat(),
        )  # fmt: skip
    return control


def shows_in_vain(rows: Sequence[Authorization]) -> list[Authorization]:
    """Return those of one customer's authorizations that were opened before their name was withdrawn from that customer.

    What they ask for may have been in place, or been looked at by the CA, before it was known that it must not count.
    """
    if not rows:
        return []
    found = _withdrawals(len(rows))(rows[0].owner_id, *[row.identifier for row in rows])
    ends: dict[tuple[str, bool], datetime] = {}
    for identifier, wildcard, at in found:
        ends[identifier, wildcard] = max(at, ends.get((identifier, wildcard), at))
    times = [(row, ends.get((row.identifier, row.wildcard))) for row in rows]
    return [row for row, ended in times if ended is not None and row.created_at < ended]


@lru_cache(maxsize=128)
def _withdrawals(count: int) -> Prepared[Any]:
    """Return the question for so many names: it is asked whenever a proof is entered."""
    return Prepared(
        lambda owner, *identifiers: (
            Control.objects.of(owner)
            .filter(identifier__in=identifiers, withdrawn_at__isnull=False)
            .order_by()
            .values_list("identifier", "wildcard", "withdrawn_at")
        ),
        _column("owner"),
        *[_column("identifier")] * count,
    )


def has_control(
    owner: User, identifier: str, wildcard: bool, now: datetime, *, by_mail: bool = False
) -> bool:
    """True if a current proof of exactly this name belongs to this customer.

    An approval by mail is one only where `by_mail` says so: at a CA account that takes names as validated beforehand.
    """
    name = Name(ascii=_key(identifier), wildcard=wildcard)
    return not missing(owner, [name], now, by_mail=by_mail)


def missing(owner: User, names: Iterable[Name], now: datetime, *, by_mail: bool = False) -> list[Name]:
    """The names, in their order, for which this customer has no current proof; empty: go on. `by_mail` as above."""
    wanted = [(name, (_key(name.ascii), name.wildcard)) for name in names]
    identifiers = {key for _name, (key, _wildcard) in wanted}
    shown = set(_current(by_mail, len(identifiers))(owner.pk, now, *identifiers)) if wanted else set()
    return [name for name, key in wanted if key not in shown]


@lru_cache(maxsize=128)
def _current(by_mail: bool, count: int) -> Prepared[Any]:
    """Return the question for so many names: it is asked for every certificate."""

    def proofs(owner: Any, now: datetime, *identifiers: str) -> QuerySet[Control, Any]:
        current = Control.objects.of(owner).current(now).filter(identifier__in=identifiers).order_by()
        return (current if by_mail else current.by_machine()).values_list("identifier", "wildcard")

    return Prepared(proofs, _column("owner"), _column("expires_at"), *[_column("identifier")] * count)


def _column(name: str) -> Any:
    return Control._meta.get_field(name)


def withdraw(control: Control, why: str, by: User | str, now: datetime) -> None:
    """Trust this proof no longer. Raises AlreadyWithdrawn, and ValueError without a reason."""
    reason = why.strip()[:200]
    if not reason:
        raise ValueError("a reason is needed")
    with transaction.atomic():
        standing = Control.objects.filter(pk=control.pk, withdrawn_at__isnull=True)
        if standing.update(withdrawn_at=now, withdrawn_why=reason) != 1:
            raise AlreadyWithdrawn(str(control.pk))
        authorization = control.authorization
        record(
            Action.CONTROL_WITHDRAWN, control, now=now, by=by, plan_id=authorization.plan_id if authorization else None,
            name=control.text, why=reason,
        )  # fmt: skip
    control.withdrawn_at, control.withdrawn_why = now, reason


def _key(identifier: str) -> str:
    """The spelling under which a name is kept. Raises ValueError for a U-label or a wildcard in the text itself."""
    name = identifier.lower().removesuffix(".")
    if not name or not name.isascii() or name.startswith("*."):
        raise ValueError(f"not an A-label name: {identifier[:80]!r}")
    return name
