"""The queues as the database has them: how much is due, since when, and which leases nobody came back for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Letter
from certificates.models import AcmeOrder, Revocation
from leases import Leased
from orders.models import GatewayEvent, Payment, Refund
from validation.models import Authorization

# A worker sweeps every few seconds: what is due for longer than this, nobody is working on.
PATIENCE = timedelta(minutes=2)

KINDS: tuple[tuple[str | Promise, type[Leased]], ...] = (
    (_("Orders at CAs"), AcmeOrder),
    (_("Revocations"), Revocation),
    (_("Looks at customers' servers"), Authorization),
    (_("Payments to ask about"), Payment),
    (_("Refunds"), Refund),
    (_("Gateway events"), GatewayEvent),
    (_("Mails"), Letter),
)


@dataclass(frozen=True)
class Queue:
    """`lapsed` counts rows whose worker died: they are taken over by themselves, but somebody should know."""

    title: str | Promise
    due: int
    oldest: datetime | None
    lapsed: int
    late: bool


def queues(now: datetime) -> list[Queue]:
    """Return every queue, one query each."""
    return [_queue(title, model, now) for title, model in KINDS]


def _queue(title: str | Promise, model: type[Leased], now: datetime) -> Queue:
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    facts = model._default_manager.filter(due_at__isnull=False, due_at__lte=now).aggregate(
        due=Count("pk", filter=free),
        oldest=Min("due_at", filter=free),
        lapsed=Count("pk", filter=Q(lease_until__lt=now)),
    )
    late = facts["oldest"] is not None and facts["oldest"] < now - PATIENCE
    return Queue(title, facts["due"], facts["oldest"], facts["lapsed"], late)
