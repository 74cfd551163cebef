"""Several workers on the same rows, beats at once, clocks in other zones, and SQLite with a writer that never rests."""

from __future__ import annotations

import pytest

from tests.chaos import further
from tests.chaos.matrix import Bench, distinct

pytestmark = pytest.mark.server


@pytest.mark.parametrize("workers", [2, 4])
def test_several_workers_on_the_same_rows_do_everything_once(bench: Bench, workers: int) -> None:
    assert further.race(bench, workers, 5).faults == []


def test_workers_that_each_have_a_key_of_their_own_are_found_out(bench: Bench) -> None:
    """The trial before this one can fail."""
    assert further.race(bench, 4, 5, mutant="idempotency key in memory").faults


def test_beats_that_ring_at_once_have_the_days_work_done_once(bench: Bench) -> None:
    assert further.day_twice(bench).faults == []


def test_nobody_waits_for_ever_while_the_web_process_writes_at_full_speed(bench: Bench) -> None:
    trial = further.race(bench, 2, 5, scribbling=True)
    assert trial.faults == []
    assert not trial.note.startswith("0 ")


def test_a_lease_means_the_same_in_every_time_zone(bench: Bench) -> None:
    points = [point for point in distinct(bench.record(1)) if point.name in {"ca.newOrder", "ca.finalize"}]
    assert further.in_other_zones(bench, points[:2]).faults == []
