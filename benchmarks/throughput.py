"""1. Paid orders to stored certificates on the full stack, beside a bare loop over the `acme` library."""

from __future__ import annotations

from benchmarks import issuing
from benchmarks.line import Line, median, ratios, spread_of
from benchmarks.scale import Scale
from benchmarks.stage import WORKERS, stage

AT_LEAST = 0.45


def measure(scale: Scale) -> Line:
    with stage() as here:
        here.start_workers()
        here.start_beat()
        issuing.warm_up(here)
        rounds = issuing.in_turns(
            scale, lambda: issuing.issue(here, scale.orders), lambda: here.bare(scale.orders)
        )
    ours = [mine.rate for mine, _theirs in rounds]
    bare = [scale.orders / theirs["seconds"] for _mine, theirs in rounds]
    cpu = [mine.cpu_ms for mine, _theirs in rounds]
    waits = [median(mine.latencies) for mine, _theirs in rounds]
    found = ratios(ours, bare)
    return Line(
        "throughput",
        f"{median(ours):.1f} certificates/s",
        f"bare acme loop, {WORKERS} processes: {median(bare):.1f}/s",
        f"{median(found):.2f}",
        f">= {AT_LEAST} (aim 0.65)",
        median(found) >= AT_LEAST,
        spread_of(found),
        [
            f"{scale.orders} orders a round, {WORKERS} workers, PostgreSQL, Redis, beat, audit, sealing and mail; "
            f"{median(cpu):.1f} ms of CPU each; half of the orders had theirs after {median(waits):.1f} s"
        ],
    )
