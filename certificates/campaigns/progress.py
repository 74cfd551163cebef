"""How far a mass reissue has come, in a fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, OuterRef, Prefetch

from certificates.campaigns.taking_part import Why, left_in
from certificates.models import AcmeOrder, Campaign, Issuance

SHOWN = 50


@dataclass(frozen=True)
class Progress:
    """Counts of certificates. `left_out` could not be begun; `apart` cannot take part as things stand, by Why's labels.

    `rows` are the newest SHOWN requests; `done_at` is when the last one is begun at this pace, None when none is to come.
    """

    issued: int
    waiting: int
    under_way: int
    failed: int
    left_out: int
    to_come: int
    busy: int
    apart: list[tuple[str, int]]
    rows: list[Issuance]
    done_at: datetime | None

    @property
    def begun(self) -> int:
        return self.issued + self.waiting + self.under_way + self.failed + self.left_out

    @property
    def total(self) -> int:
        return self.begun + self.to_come + self.busy


def progress_of(campaign: Campaign, now: datetime) -> Progress:
    """Count what stands in the rows; nothing of it is stored."""
    waits = AcmeOrder.objects.filter(
        issuance=OuterRef("pk"), waiting_for=AcmeOrder.WaitingFor.CUSTOMER, due_at__isnull=False
    )
    closed = AcmeOrder.objects.filter(
        issuance=OuterRef("pk"),
        waiting_for=AcmeOrder.WaitingFor.CUSTOMER,
        status=AcmeOrder.Status.INVALID,
    )
    rows = campaign.issuances.annotate(waits=Exists(waits) | Exists(closed))
    counts: dict[tuple[str, bool], int] = {
        (state, waiting): count
        for state, waiting, count in rows.order_by().values_list("state", "waits").annotate(Count("pk"))
    }
    running = campaign.state in {Campaign.State.RUNNING, Campaign.State.PAUSED}
    left = left_in(campaign, now).order_by().values_list("why").annotate(Count("pk")) if running else []
    remaining: dict[str, int] = dict(left)
    to_come = remaining.pop(Why.NOTHING.value, 0)
    busy = remaining.pop(Why.BUSY.value, 0)
    return Progress(
        issued=_of(counts, Issuance.State.ISSUED),
        waiting=counts.get((Issuance.State.WANTED.value, True), 0),
        under_way=counts.get((Issuance.State.WANTED.value, False), 0),
        failed=_of(counts, Issuance.State.FAILED),
        left_out=_of(counts, Issuance.State.WITHDRAWN),
        to_come=to_come,
        busy=busy,
        apart=[(str(Why(why).label), count) for why, count in sorted(remaining.items())],
        rows=_newest(campaign),
        done_at=now + to_come * timedelta(hours=1) / campaign.per_hour if to_come else None,
    )


def _of(counts: dict[tuple[str, bool], int], state: Issuance.State) -> int:
    return counts.get((state.value, True), 0) + counts.get((state.value, False), 0)


def _newest(campaign: Campaign) -> list[Issuance]:
    orders = Prefetch("acme_orders", AcmeOrder.objects.order_by("-attempt"))
    rows = campaign.issuances.defer("csr").select_related("plan__item__order").prefetch_related(orders)
    return list(rows.order_by("-created_at")[:SHOWN])
