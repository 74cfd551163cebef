"""Whether the crash points can fail: a wrong design must be found at one of them."""

from __future__ import annotations

import time

from tests.chaos.matrix import Bench, Outcome, distinct, try_all

SHORTEST_PATIENCE, PATIENT = 10.0, 4.0

# Where each design breaks: tried first, so that nobody walks all the way there; a mutant that survives these points is
# tried at all others.
WEAK: dict[str, tuple[str, tuple[str, ...]]] = {
    "key saved late": ("kill", ("ca.finalize", "ca.certificate")),
    "idempotency key in memory": ("kill", ("gateway.sessions.create",)),
    "epoch not checked": ("zombie", ("ca.directory", "ca.newAccount", "ca.newOrder", "ca.finalize")),
}


def caught(bench: Bench, mutant: str) -> Outcome | None:
    """Return the first story that the mutant spoiled, None if it survived every point."""
    kind, names = WEAK[mutant]
    began = time.monotonic()
    points = distinct(bench.record(1, mutant))
    # Who is stuck for ever need not be waited for as long as somebody slow.
    patience = max(SHORTEST_PATIENCE, PATIENT * (time.monotonic() - began))
    weak = [point for point in points if point.name in names]
    for some in (weak, [point for point in points if point not in weak]):
        for outcome in try_all(bench, some, [kind], mutant=mutant, until_red=True, patience=patience):
            if outcome.faults:
                return outcome
    return None
