"""A worker killed outright before and after every request and every commit: nothing lost, doubled or stuck."""

from __future__ import annotations

import sys

import pytest

from tests.chaos.matrix import Bench, count, distinct, try_all

pytestmark = pytest.mark.server

FEWEST_POINTS = 40


def test_a_worker_killed_at_any_point_of_the_walk_loses_and_doubles_nothing(bench: Bench) -> None:
    points = distinct(bench.record(1))
    assert len(points) >= FEWEST_POINTS
    outcomes = try_all(bench, points, ["kill"])
    counted = count(outcomes)
    sys.stdout.write(
        f"{counted['kill']} points, {bench.kills} workers killed, {counted['not reached']} not reached\n"
    )
    assert [str(outcome) for outcome in outcomes if outcome.faults] == []
    assert bench.kills >= FEWEST_POINTS
    assert counted["not reached"] <= len(points) // 10
