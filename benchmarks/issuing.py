"""A round of our pipeline: so many paid orders, from the commit that holds them to the last stored certificate."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from benchmarks import paid
from benchmarks.stage import Stage, TooSlow

SECONDS_EACH = 0.6


@dataclass
class Round:
    """`cpu` in seconds, over all processes of our workers; `requests` are those that the CA saw for these orders."""

    count: int
    seconds: float
    cpu: float
    requests: int
    latencies: list[float]

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    @property
    def cpu_ms(self) -> float:
        return self.cpu * 1000 / self.count


def issue(stage: Stage, count: int, **kwargs: Any) -> Round:
    """Have `count` certificates issued by the workers of the stage. Raises TooSlow."""
    from certificates.models import AcmeOrder, Certificate, Issuance

    wanted = paid.request_all(paid.plans(count, **kwargs))
    committed, cpu = time.time(), stage.workers_cpu()
    mine = Issuance.objects.filter(pk__in=[row.pk for row in wanted])

    def settled() -> bool:
        return not AcmeOrder.objects.filter(due_at__isnull=False, issuance__in=mine).exists()

    try:
        # Asked seldom: what this very process takes from the cores is missing to those that are measured.
        stage.wait(settled, 30 + count * SECONDS_EACH, pause=0.25)
    except TooSlow as error:
        raise type(error)(f"{error}\n{_standing(mine)}") from error
    issued = list(Certificate.objects.filter(issuance__in=mine).values_list("issued_at", flat=True))
    if len(issued) != count:
        raise RuntimeError(f"{len(issued)} certificates for {count} orders")
    requests = sum(AcmeOrder.objects.filter(issuance__in=mine).values_list("requests", flat=True))
    latencies = [moment.timestamp() - committed for moment in issued]
    return Round(count, max(latencies), stage.workers_cpu() - cpu, requests, latencies)


def _standing(mine: Any) -> str:
    """Say where the unfinished orders stand."""
    from certificates.models import AcmeOrder

    rows = AcmeOrder.objects.filter(due_at__isnull=False, issuance__in=mine)
    columns = (
        "status",
        "waiting_for",
        "tries",
        "due_at",
        "lease_until",
        "problem",
        "authorizations__finding",
    )
    return "\n".join(map(str, [rows.count(), *rows.values(*columns)[:5]]))


def warm_up(stage: Stage) -> None:
    """Open the account at the CA, fill connections and caches in every worker."""
    issue(stage, 20)
