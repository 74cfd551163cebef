"""The story of a plan, as memory has it: what was done to the plan and to its order, in one line each, oldest first."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from audit.models import Entry

MOST_MOMENTS = 500
LONGEST_VALUE = 300


@dataclass(frozen=True)
class Moment:
    """`actor` is an e-mail address or the name of a process; `facts` are (word, text) pairs to be shown escaped."""

    at: datetime
    action: str
    title: str
    actor: str
    by_person: bool
    address: str | None
    on: str
    facts: tuple[tuple[str, str], ...]


def story(
    plan_id: uuid.UUID, order_id: uuid.UUID | None = None, *, limit: int = MOST_MOMENTS
) -> list[Moment]:
    """Return the last `limit` moments of the plan and of its order, oldest first, in one query.

    Entries that the order shares with another of its plans belong to that one and are left out.
    """
    told = Q(plan_id=plan_id)
    if order_id is not None:
        told |= Q(order_id=order_id, plan_id__isnull=True)
    entries = list(Entry.objects.filter(told).order_by("-at", "-pk")[:limit])
    return [moment(entry) for entry in reversed(entries)]


def moment(entry: Entry) -> Moment:
    return Moment(
        at=entry.at,
        action=entry.action,
        title=entry.get_action_display(),
        actor=entry.actor,
        by_person=entry.actor_id is not None,
        address=entry.address,
        on=entry.object_kind,
        facts=tuple(
            (word, _text(value)) for word, value in entry.details.items() if value not in (None, "", [], {})
        ),
    )


def _text(value: Any) -> str:
    """Return any JSON value as one short line."""
    if isinstance(value, dict):
        parts = (f"{key}: {_text(part)}" for key, part in value.items() if part not in (None, "", [], {}))
        text = "; ".join(parts)
    elif isinstance(value, list):
        text = ", ".join(_text(part) for part in value)
    else:
        text = str(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
