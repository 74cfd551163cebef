"""A round of our pipeline: so many paid orders, from the commit that holds them to the last stored certificate."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks import paid
from benchmarks.scale import Scale
from benchmarks.stage import CaLockedUp, Stage, TooSlow

SECONDS_EACH = 0.6
# A machine that is only slow finishes an order in this time.
STILL_SECONDS = 45.0


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


def in_turns(
    scale: Scale, ours: Callable[[], Round], theirs: Callable[[], dict[str, float]]
) -> list[tuple[Round, dict[str, float]]]:
    """Play ours and the peer's, round by round. Raises CaLockedUp where the CA did not live for one round.

    What was measured before it stopped counts: a CA that is driven at full speed may not live for all rounds.
    """
    rounds: list[tuple[Round, dict[str, float]]] = []
    for _round in scale.paced():
        try:
            rounds.append((ours(), theirs()))
        except CaLockedUp:
            if not rounds:
                raise
            break
    return rounds


def issue(stage: Stage, count: int, **kwargs: Any) -> Round:
    """Have `count` certificates issued by the workers of the stage. Raises TooSlow."""
    from certificates.models import AcmeOrder, Certificate, Issuance

    wanted = paid.request_all(paid.plans(count, **kwargs))
    committed, cpu = time.time(), stage.workers_cpu()
    mine = Issuance.objects.filter(pk__in=[row.pk for row in wanted])

    _wait(stage, AcmeOrder.objects.filter(due_at__isnull=False, issuance__in=mine), 30 + count * SECONDS_EACH)
    issued = list(Certificate.objects.filter(issuance__in=mine).values_list("issued_at", flat=True))
    if len(issued) != count:
        raise RuntimeError(f"{len(issued)} certificates for {count} orders")
    requests = sum(AcmeOrder.objects.filter(issuance__in=mine).values_list("requests", flat=True))
    latencies = [moment.timestamp() - committed for moment in issued]
    return Round(count, max(latencies), stage.workers_cpu() - cpu, requests, latencies)


def _wait(stage: Stage, unfinished: Any, seconds: float) -> None:
    """Until no order is unfinished. Raises TooSlow after so many seconds, or when none was finished for a while."""
    end, left = time.monotonic() + seconds, None
    while True:
        try:
            # Asked seldom: what this very process takes from the cores is missing to those that are measured.
            return stage.wait(lambda: not unfinished.exists(), STILL_SECONDS, pause=0.25)
        except TooSlow as error:
            before, left = left, unfinished.count()
            if isinstance(error, CaLockedUp) or left == before or time.monotonic() > end:
                raise type(error)(f"{error}\n{_standing(unfinished)}") from error


def _standing(unfinished: Any) -> str:
    """Say where the unfinished orders stand."""
    columns = (
        "status",
        "waiting_for",
        "tries",
        "due_at",
        "lease_until",
        "problem",
        "authorizations__finding",
    )
    return "\n".join(map(str, [unfinished.count(), *unfinished.values(*columns)[:5]]))


def warm_up(stage: Stage) -> None:
    """Open the account at the CA, fill connections and caches in every worker."""
    issue(stage, 20)
