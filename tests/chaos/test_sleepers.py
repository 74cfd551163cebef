"""PostgreSQL: a worker that stands still in the middle of a transaction does not hold up the others for ever."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from leases import LEASE
from portal.env import database
from tests.chaos.bases import POSTGRES
from tests.chaos.matrix import distinct, running_bench, try_all
from tests.servers import running_postgres

pytestmark = pytest.mark.server


def test_the_server_ends_a_transaction_that_stands_still_before_its_lease_has_lapsed(folder: Path) -> None:
    with running_postgres(folder / "postgres") as url:
        options = database(url)["OPTIONS"]
        assert isinstance(options, dict)
        # Among them are words that Django keeps for itself.
        with psycopg.connect(url, options=options["options"]) as server:
            said = server.execute("SHOW idle_in_transaction_session_timeout").fetchone()
    assert said is not None
    assert said[0].endswith("s")
    assert 0 < int(said[0].removesuffix("s")) < LEASE.total_seconds() / 2


def test_an_operator_may_set_it_otherwise_in_the_url() -> None:
    url = "postgres://chancery@db/chancery?options=-c%20idle_in_transaction_session_timeout%3D5s"
    assert database(url)["OPTIONS"]["options"] == "-c idle_in_transaction_session_timeout=5s"


def test_another_worker_goes_on_with_the_rows_of_a_sleeper(folder: Path) -> None:
    with running_bench(POSTGRES, folder, side_by_side=4) as bench:
        points = [point for point in distinct(bench.record(1)) if point.in_transaction][-6:]
        outcomes = try_all(bench, points, ["zombie"])
    assert len(points) == 6
    assert [str(outcome) for outcome in outcomes if outcome.faults] == []
