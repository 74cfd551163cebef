"""The counts that the suite ends with."""

from __future__ import annotations

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
