"""The crash points can fail: each of three wrong designs makes them red."""

from __future__ import annotations

import pytest

from tests.chaos.matrix import Bench, distinct, try_all
from tests.chaos.mutants import MUTANTS
from tests.chaos.points import Point

pytestmark = pytest.mark.server

# Where each design breaks, so that CI need not walk all the way there; `make chaos` tries every point.
WEAK: dict[str, tuple[str, tuple[str, ...]]] = {
    "key saved late": ("kill", ("ca.finalize", "ca.certificate")),
    "idempotency key in memory": ("kill", ("gateway.sessions.create",)),
    "epoch not checked": ("zombie", ("ca.directory", "ca.newAccount", "ca.newOrder", "ca.finalize")),
}


def weak_points(points: list[Point], mutant: str) -> list[Point]:
    return [point for point in distinct(points) if point.name in WEAK[mutant][1]]


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_design_does_not_survive_the_crash_points(bench: Bench, mutant: str) -> None:
    points = weak_points(bench.record(1, mutant), mutant)
    outcomes = try_all(bench, points, [WEAK[mutant][0]], 1, mutant, until_red=True)
    assert any(outcome.faults for outcome in outcomes), f"{mutant}: nobody noticed"
