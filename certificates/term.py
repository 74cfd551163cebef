"""The term of a plan beside the certificates it has yielded: why one year is several certificates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from certificates.models import Certificate
from certificates.standing import reissue_due_at
from certificates.validity import Limit, longest_days, next_change
from orders.models import Plan

WIDTH = 1000  # the plan's term in units of the drawing


@dataclass(frozen=True)
class Stretch:
    """One certificate on the bar, `left` and `width` of WIDTH units. `current` is the one in force."""

    left: int
    width: int
    current: bool


@dataclass(frozen=True)
class Term:
    """What the bar and the words under it say. `today` is None outside the term; `next_at` when no other is needed."""

    width: int
    stretches: list[Stretch]
    today: int | None
    longest_days: int
    change: Limit | None
    next_at: datetime | None
    over: bool


def term_of(plan: Plan, certificates: Sequence[Certificate], now: datetime) -> Term:
    """Lay the certificates (any order) over the plan's term."""
    current = next((row for row in certificates if row.state == Certificate.State.VALID), None)
    change = next_change(now)
    return Term(
        width=WIDTH,
        stretches=[
            _stretch(plan, row, current=row is current)
            for row in sorted(certificates, key=lambda row: row.not_before)
        ],
        today=_at(plan, now) if plan.starts_at <= now <= plan.ends_at else None,
        longest_days=longest_days(now),
        change=change if change is not None and change.since < plan.ends_at else None,
        next_at=reissue_due_at(current) if current is not None and another_needed(plan, current) else None,
        over=plan.ends_at <= now,
    )


def another_needed(plan: Plan, certificate: Certificate) -> bool:
    """True if the plan goes on after this certificate ends."""
    return certificate.not_after < plan.ends_at


def _stretch(plan: Plan, certificate: Certificate, *, current: bool) -> Stretch:
    left, right = _at(plan, certificate.not_before), _at(plan, certificate.not_after)
    return Stretch(left, max(right - left, 4), current)


def _at(plan: Plan, moment: datetime) -> int:
    whole = (plan.ends_at - plan.starts_at).total_seconds() or 1
    share = (moment - plan.starts_at).total_seconds() / whole
    return round(min(max(share, 0), 1) * WIDTH)
