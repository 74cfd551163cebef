"""A database that went away under the work is nobody's mistake; a sentence that is wrong is ours."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError
from psycopg import errors

from leases import is_away
from tests.servers import running_postgres


def caused(cause: psycopg.Error) -> InternalError:
    error = InternalError(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.server
def test_the_server_has_ended_a_transaction_that_stood_still() -> None:
    with tempfile.TemporaryDirectory(prefix="away-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        with (
            running_postgres(Path(name) / "postgres") as url,
            psycopg.connect(url, options="-c idle_in_transaction_session_timeout=50") as server,
        ):
            server.execute("SELECT 1")
            time.sleep(0.5)
            with pytest.raises(psycopg.InternalError) as told:
                server.execute("SELECT 2")
    assert is_away(caused(told.value))


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")])
def test_a_connection_that_broke_is_nobodys_mistake(error: Exception) -> None:
    assert is_away(error)


def test_a_server_that_has_become_a_standby_is_nobodys_mistake() -> None:
    assert is_away(caused(errors.ReadOnlySqlTransaction("cannot execute UPDATE in a read-only transaction")))


@pytest.mark.parametrize(
    "error",
    [ProgrammingError("no such column"), caused(errors.InFailedSqlTransaction("aborted")), ValueError("x")],
)
def test_what_we_did_wrong_is_told_to_an_operator(error: Exception) -> None:
    assert not is_away(error)
