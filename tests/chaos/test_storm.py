"""A small storm: what dies, dies without a word, and every customer gets one certificate all the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.chaos import storm
from tests.chaos.bases import POSTGRES, SQLITE

pytestmark = pytest.mark.server

ORDERS = 24
SECONDS_BETWEEN_KILLS = 1.5


@pytest.mark.parametrize("kind", [SQLITE, POSTGRES])
def test_nothing_is_lost_doubled_or_stuck_while_programs_are_killed(folder: Path, kind: str) -> None:
    orders = ORDERS if kind == POSTGRES else ORDERS // 2
    report = storm.run(kind, folder, orders, every=SECONDS_BETWEEN_KILLS)
    sys.stdout.write(f"{report}\n")
    assert report.faults == []
    # One name's second order is given what the first has proved.
    assert report.reuse > 0.4 or report.other["times the CA started anew"]
    # A quick machine is done after a few seconds: one kill is what every machine comes to.
    assert report.kills
