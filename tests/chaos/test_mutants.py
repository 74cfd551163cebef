"""The crash points can fail: each of three wrong designs makes them red."""

from __future__ import annotations

import pytest

from tests.chaos.catching import caught
from tests.chaos.matrix import Bench
from tests.chaos.points import MUTANTS

pytestmark = pytest.mark.server


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_design_does_not_survive_the_crash_points(bench: Bench, mutant: str) -> None:
    outcome = caught(bench, mutant)
    assert outcome is not None, f"{mutant}: nobody noticed"
