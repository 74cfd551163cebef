"""Each benchmark runs, with next to nothing to do: no figure is looked at here, only that there is one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import EIGHT
from benchmarks.line import Line
from benchmarks.scale import Scale

ROOT = Path(__file__).resolve().parents[2]
# The others do the same work and count something else of it: `make bench` runs them.
LIKE_THROUGHPUT = {"economy", "rsa", "crowd"}


@pytest.mark.server
@pytest.mark.town
@pytest.mark.parametrize("name", [name for name in EIGHT if name not in LIKE_THROUGHPUT])
def test_a_benchmark_measures_something(name):
    command = [sys.executable, "-m", "benchmarks", name, "--tiny", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    line = Line(**json.loads(done.stdout.strip().splitlines()[-1]))
    assert line.name == name
    assert any(character.isdigit() for character in line.ours)
    assert line.target


def test_a_run_that_is_slow_stops_between_rounds_and_not_before_the_first():
    times = iter([0.0, 10.0, 200.0])
    assert list(Scale(rounds=5).paced(clock=lambda: next(times))) == [0, 1]


def test_a_line_says_what_was_missed():
    line = Line("rsa", "9/s", "bare 10/s", "0.90", ">= 0.65", True, "0.8 to 0.9 in 5")
    assert " ok " in line.text()
    line.ok = False
    assert "MISSED" in line.text()
    assert Line.from_json(line.as_json()) == line
