"""The counts that the suite ends with."""

from __future__ import annotations

from tests.chaos.storm import signings_allowed
from tests.chaos.tally import Tally


def test_a_story_that_lost_twice_is_one_that_was_lost() -> None:
    tally = Tally("SQLite", "1", "SIGKILL")
    tally.add(["lost: 0 keys", "lost: 0 letters", "stuck: 1 rows are waiting"])
    tally.add([])
    assert (tally.tried, dict(tally.ended)) == (2, {"lost": 1, "stuck": 1})


def test_a_fault_in_other_words_is_counted_all_the_same() -> None:
    tally = Tally("SQLite", "1", "SIGKILL")
    tally.add(["Traceback (most recent call last)"])
    assert tally.ended.total() == 1


def test_a_point_that_was_not_reached_counts_as_not_tried() -> None:
    tally = Tally("SQLite", "1", "SIGKILL")
    tally.add([], reached=False)
    assert (tally.tried, tally.missed) == (0, 1)
    assert Tally.table([tally]).splitlines()[-1].split() == [
        "SQLite",
        "1",
        "SIGKILL",
        "0",
        "1",
        "0",
        "0",
        "0",
    ]


def test_a_run_that_struck_fewer_than_forty_points_says_so() -> None:
    tally = Tally("SQLite", "1", "SIGKILL")
    for _point in range(39):
        tally.add([])
    tally.add([], reached=False)
    assert tally.too_few == "SQLite, 1 name(s), SIGKILL: only 39 points, at least 40 are wanted"
    tally.add([])
    assert tally.too_few == ""


def test_only_an_order_that_a_restart_of_the_ca_met_may_be_signed_twice() -> None:
    assert signings_allowed([100.0, 110.0], []) == 1
    assert signings_allowed([100.0, 110.0], [99.0, 111.0]) == 1
    assert signings_allowed([100.0, 110.0], [99.0, 104.0, 109.0]) == 3
    assert signings_allowed([], [99.0]) == 1
