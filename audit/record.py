"""Writing to memory: one function that every room calls."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Protocol

from django.db import models

from audit.models import Entry
from audit.vocabulary import Action
from leases.inserts import insert


class Actor(Protocol):
    """Whoever acts: a user of the portal. Processes are given by name instead."""

    pk: Any
    email: str


def record(
    action: Action,
    on: models.Model,
    *,
    now: datetime,
    by: Actor | str,
    address: str | None = None,
    plan_id: uuid.UUID | None = None,
    order_id: uuid.UUID | None = None,
    **details: Any,
) -> Entry:
    """Append one entry about `on`. `by` is a user, or the name of a process ("issuance", "stripe").

    Call it inside the transaction that makes the change, so that neither exists without the other.
    """
    person = None if isinstance(by, str) else by
    return insert(
        Entry,
        at=now,
        action=action,
        actor_id=person.pk if person else None,
        actor=person.email if person else str(by),
        address=address,
        object_kind=on._meta.model_name or "",
        object_id=str(on.pk),
        plan_id=plan_id,
        order_id=order_id,
        details=details,
    )
