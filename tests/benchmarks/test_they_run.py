"""Each benchmark runs, with next to nothing to do: no figure is looked at here, only that there is one."""

from __future__ import annotations

import os
import signal

import pytest

from benchmarks.__main__ import EIGHT, NOT_MEASURED, run
from benchmarks.issuing import Round, in_turns
from benchmarks.line import Line
from benchmarks.scale import TINY, Scale
from benchmarks.stage import CaLockedUp, Stage, TooSlow
from tests.contracts.ca import running_pebble

# The others do the same work and count something else of it: `make bench` runs them.
LIKE_THROUGHPUT = {"economy", "rsa", "crowd"}


@pytest.mark.server
@pytest.mark.town
@pytest.mark.parametrize("name", [name for name in EIGHT if name not in LIKE_THROUGHPUT])
def test_a_benchmark_measures_something(name):
    line = run(name, TINY)
    assert line.ours != NOT_MEASURED, "\n".join(line.notes)
    assert line.name == name
    assert any(character.isdigit() for character in line.ours)
    assert line.target


def test_a_run_that_is_slow_stops_between_rounds_and_not_before_the_first():
    times = iter([0.0, 10.0, 200.0])
    assert list(Scale(rounds=5).paced(clock=lambda: next(times))) == [0, 1]


def test_the_rounds_from_before_the_ca_stopped_count_and_none_is_no_measurement():
    plays = iter([{"seconds": 1.0}, {"seconds": 2.0}])

    def theirs() -> dict[str, float]:
        try:
            return next(plays)
        except StopIteration:
            raise CaLockedUp("nobody answers") from None

    mine = Round(1, 1.0, 1.0, 8, [1.0])
    assert in_turns(Scale(rounds=5), lambda: mine, theirs) == [
        (mine, {"seconds": 1.0}),
        (mine, {"seconds": 2.0}),
    ]
    with pytest.raises(CaLockedUp):
        in_turns(Scale(rounds=5), lambda: mine, theirs)


def test_a_line_says_what_was_missed():
    line = Line("rsa", "9/s", "bare 10/s", "0.90", ">= 0.65", True, "0.8 to 0.9 in 5")
    assert " ok " in line.text()
    line.ok = False
    assert "MISSED" in line.text()
    assert Line.from_json(line.as_json()) == line


@pytest.mark.town
def test_a_ca_that_has_locked_up_is_told_from_work_that_is_slow(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.stage.CA_SECONDS", 2.0)
    with running_pebble(tmp_path) as ca:
        stage = Stage(tmp_path, ca, {})
        with pytest.raises(TooSlow) as slow:
            stage.wait(lambda: False, 0.1)
        assert not isinstance(slow.value, CaLockedUp)
        os.kill(ca.process.pid, signal.SIGSTOP)
        try:
            with pytest.raises(CaLockedUp):
                stage.wait(lambda: False, 0.1)
        finally:
            os.kill(ca.process.pid, signal.SIGCONT)
