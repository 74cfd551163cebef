"""Ready statements by the short way, against a real server: they do what a cursor does, and survive what happens to one."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, OperationalError
from django.db.transaction import TransactionManagementError, atomic
from django.db.utils import ConnectionHandler
from django.test.utils import CaptureQueriesContext
from psycopg.types.json import Jsonb

from leases import is_away
from portal.env import database
from portal.postgres.ready import FIRST_LIFE, MOST
from tests.portal.postgres.asking import another_request, ask, end_session

pytestmark = pytest.mark.server

THING = "CREATE TABLE IF NOT EXISTS thing (id bigint PRIMARY KEY, word text UNIQUE, facts jsonb)"
ADD = "INSERT INTO thing (id, word) VALUES (%s, %s)"


@pytest.fixture
def thing(connection: Any) -> Iterator[Any]:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS thing")
        cursor.execute(THING)
    yield connection
    connection.close()


@pytest.fixture
def used_thing(thing: Any) -> Any:
    """With statements that the driver has prepared beside ours, and three rows."""
    with thing.cursor() as cursor:
        for _time in range(4):
            cursor.execute("SELECT 'the driver prepares this one'")
    for number in range(3):
        thing.run_ready(ADD, [number, f"w{number}"])
    return thing


def prepared_by(connection: Any) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements WHERE name LIKE 'ready%%'")
        return {name for (name,) in cursor.fetchall()}


VALUES = [
    None, "", "Ä 'quoted' %s", 7, -1, 2**40, True, 1.5, b"\x00\xff", uuid.UUID(int=5), datetime(2026, 11, 29, 1, 2, 3, 45, tzinfo=UTC),
    timedelta(days=1, seconds=2), Decimal("19.00"),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_ready_statement_takes_and_gives_what_a_cursor_does(connection, value):
    kinds = {bool: "bool", int: "bigint", str: "text", bytes: "bytea", uuid.UUID: "uuid", float: "float8"}
    kinds |= {datetime: "timestamptz", timedelta: "interval", Decimal: "numeric"}
    sql = f"SELECT %s::{kinds.get(type(value), 'text')}, 'a%%b', %s::text"
    with connection.cursor() as cursor:
        cursor.execute(sql, [value, "x"])
        by_cursor = cursor.fetchall()
    for _time in range(4):
        assert connection.run_ready(sql, [value, "x"]) == (by_cursor, 1)
    assert by_cursor == [(value, "a%b", "x")]
    assert len(prepared_by(connection)) == 1


def test_places_with_names_are_filled_by_name(connection):
    for _time in range(3):
        answer = connection.run_ready("SELECT %(b)s::int, %(a)s::text, %(b)s::int", {"a": "x", "b": 2})
        assert answer == ([(2, "x", 2)], 1)


def test_what_is_asked_once_is_not_kept_at_the_server_and_no_more_than_so_many_are(connection):
    for number in range(MOST + 50):
        connection.run_ready(f"SELECT {number}", [])
    assert prepared_by(connection) == set()
    for number in range(MOST + 50):
        for _time in range(3):
            assert connection.run_ready(f"SELECT {number}", []) == ([(number,)], 1)
    assert len(prepared_by(connection)) == MOST


def test_a_plan_made_for_a_small_table_is_not_kept_when_it_has_grown(thing):
    find = "SELECT id FROM thing WHERE word = %s"
    with thing.cursor() as cursor:
        cursor.execute("ALTER TABLE thing SET (autovacuum_enabled = off)")
    grow(thing, 20)
    with thing.cursor() as cursor:
        cursor.execute("ANALYZE thing")
    for _time in range(10):
        thing.run_ready(find, ["nobody's"])
    assert "Seq Scan" in plan_of(thing, *prepared_by(thing))
    grow(thing, 20_000)
    for _time in range(FIRST_LIFE):
        assert thing.run_ready(find, ["w77"]) == ([(77,)], 1)
    (name,) = prepared_by(thing)
    for _time in range(10):
        thing.run_ready(find, ["w77"])
    assert prepared_by(thing) == {name}
    assert "Index Scan" in plan_of(thing, name)


def grow(connection: Any, count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM thing")
        cursor.execute(
            "INSERT INTO thing (id, word) SELECT n, 'w' || n FROM generate_series(1, %s) n", [count]
        )


def plan_of(connection: Any, name: str) -> str:
    """How the server means to find what any value would ask for."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN EXECUTE {name} ('w77')")
        lines = [line for (line,) in cursor.fetchall()]
        cursor.execute("SELECT generic_plans > 0 FROM pg_prepared_statements WHERE name = %s", [name])
        assert cursor.fetchone() == (True,)
        return "\n".join(lines)


def test_a_change_tells_how_many_rows_it_changed(thing):
    for number in range(4):
        assert thing.run_ready(ADD, [number, f"w{number}"]) == ([], 1)
    update = "UPDATE thing SET word = word || %s WHERE id < %s RETURNING id"
    for _time in range(3):
        assert thing.run_ready(update, ["!", 2]) == ([(0,), (1,)], 2)
    assert thing.run_ready("DELETE FROM thing WHERE id > %s", [99]) == ([], 0)


def test_json_comes_back_as_it_went(thing):
    for number in range(3):
        facts = Jsonb({"a": [1, None, "ü"]}, dumps=json.dumps)
        thing.run_ready("INSERT INTO thing (id, facts) VALUES (%s, %s)", [number, facts])
    assert ask(thing, "SELECT facts->'a'->>2 FROM thing LIMIT 1") == "ü"


def test_an_error_is_the_one_that_a_cursor_raises_and_the_transaction_is_broken_by_it(thing):
    for number in range(3):
        thing.run_ready(ADD, [number, f"w{number}"])
    with pytest.raises(IntegrityError, match="thing_pkey") as caught:
        thing.run_ready(ADD, [1, "new"])
    assert caught.value.__cause__.sqlstate == "23505"
    with pytest.raises(IntegrityError), atomic():
        thing.run_ready(ADD, [1, "new"])
    with atomic():
        with pytest.raises(IntegrityError), atomic():
            thing.run_ready(ADD, [1, "new"])
        thing.run_ready(ADD, [7, "after the savepoint"])
    assert ask(thing, "SELECT count(*) FROM thing") == 4
    with atomic():
        thing.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            thing.run_ready(ADD, [8, "never"])


def test_what_a_transaction_wrote_is_there_after_it_and_gone_after_its_failure(thing, url):
    with atomic():
        for number in range(3):
            thing.run_ready(ADD, [number, f"w{number}"])
        assert seen_from_outside(url) == 0
    assert seen_from_outside(url) == 3
    with pytest.raises(ZeroDivisionError):
        write_and_fail(thing)
    assert seen_from_outside(url) == 3
    assert thing.connection.info.transaction_status.name == "IDLE"


def write_and_fail(connection: Any) -> None:
    with atomic():
        connection.run_ready(ADD, [9, "w9"])
        raise ZeroDivisionError


def seen_from_outside(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as other:
        return other.execute("SELECT count(*) FROM thing").fetchone()[0]


def test_a_statement_that_the_server_has_forgotten_is_prepared_anew(thing):
    for _time in range(3):
        thing.run_ready("SELECT count(*) FROM thing WHERE id > %s", [0])
    with thing.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    for _time in range(3):
        assert thing.run_ready("SELECT count(*) FROM thing WHERE id > %s", [0]) == ([(0,)], 1)
    assert prepared_by(thing)


def test_a_savepoint_that_is_given_up_takes_no_statement_with_it(used_thing):
    with atomic():
        for number in (1, 2):
            with pytest.raises(IntegrityError), atomic():
                used_thing.run_ready(ADD, [number, "again"])
        assert ask(used_thing, "SELECT 'the driver prepares this one'")
        used_thing.run_ready(ADD, [9, "w9"])
    assert ask(used_thing, "SELECT count(*) FROM thing") == 4


def test_a_migration_that_changes_tables_goes_on_with_ready_statements(used_thing):
    with used_thing.schema_editor(atomic=True) as editor:
        for number in range(10, 14):
            editor.execute(f"ALTER TABLE thing ADD COLUMN c{number} int")
            used_thing.run_ready(ADD, [number, f"w{number}"])
            used_thing.run_ready(ADD, [number + 10, f"w{number + 10}"])
    assert ask(used_thing, "SELECT count(*) FROM thing") == 11


def test_a_table_that_was_changed_meanwhile_is_read_as_it_is_now(thing):
    for _time in range(3):
        thing.run_ready("SELECT * FROM thing WHERE id > %s", [0])
    with thing.cursor() as cursor:
        cursor.execute("ALTER TABLE thing ADD COLUMN more int DEFAULT 5")
        cursor.execute("INSERT INTO thing VALUES (1, 'one', NULL)")
    for _time in range(3):
        assert thing.run_ready("SELECT * FROM thing WHERE id > %s", [0]) == ([(1, "one", None, 5)], 1)


def test_a_server_that_is_gone_is_away_and_found_again_by_the_next_request(thing, url):
    sql = "SELECT pg_backend_pid() + %s"
    for _time in range(3):
        (pid,) = thing.run_ready(sql, [0])[0][0]
    end_session(url, pid)
    with pytest.raises(OperationalError) as caught:
        thing.run_ready(sql, [0])
    assert is_away(caught.value)
    another_request(thing)
    assert thing.run_ready(sql, [0])[0] != [(pid,)]


def test_one_that_goes_away_within_a_transaction_or_before_it_says_so_too(thing, url):
    for ends_inside in (True, False):
        pid = ask(thing, "SELECT pg_backend_pid()")
        if not ends_inside:
            end_session(url, pid)
        with pytest.raises(OperationalError) as caught:
            write_and_lose(thing, url, pid)
        assert is_away(caught.value)
        another_request(thing)
    assert seen_from_outside(url) == 0


def write_and_lose(connection: Any, url: str, pid: int) -> None:
    with atomic():
        end_session(url, pid)
        connection.run_ready(ADD, [1, "x"])


def test_after_an_interrupted_query_nobody_waits_for_its_end(thing, url):
    """As it was with psycopg alone: the connection is of no use any more, and the next request opens another."""
    for _time in range(2):
        thing.run_ready("SELECT count(*) FROM thing", [])
    pid = ask(thing, "SELECT pg_backend_pid()")
    thing.connection.pgconn.send_query(b"SELECT pg_sleep(60)")
    for use in (
        lambda: thing.run_ready("SELECT count(*) FROM thing", []),
        lambda: thing.run_ready("SELECT count(*) + 1 FROM thing", []),
        lambda: thing._savepoint_rollback("s1"),
        thing._start_transaction_under_autocommit,
        thing.rollback,
    ):
        began = time.monotonic()
        with pytest.raises(OperationalError, match=r"busy|progress"):
            use()
        assert time.monotonic() - began < 20
    thing.close()
    assert thing.run_ready("SELECT count(*) FROM thing", []) == ([(0,)], 1)
    end_session(url, pid)


def test_who_wraps_executions_and_who_counts_queries_sees_ready_statements_too(thing):
    seen: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        assert context["connection"] is thing
        seen.append(sql)
        return execute(sql, params, many, context)

    with thing.execute_wrapper(note):
        for number in range(3):
            thing.run_ready(ADD, [number, f"w{number}"])
    assert seen == [ADD] * 3
    with CaptureQueriesContext(thing) as captured:
        thing.run_ready(ADD, [8, "w8"])
    assert len(captured) == 1


def test_behind_a_pooler_nothing_is_prepared(url, django_db_blocker):
    made: Any = ConnectionHandler({"default": database(url + "?prepared=off")})["default"]
    with django_db_blocker.unblock():
        for _time in range(4):
            assert made.run_ready("SELECT %s::int", [3]) == ([(3,)], 1)
        assert prepared_by(made) == set()
        made.close()


def test_who_waits_for_the_server_holds_up_no_other_thread(connection):
    for _time in range(2):
        connection.run_ready("SELECT pg_sleep(%s::float8)", [0])
    ticks: list[float] = []
    over = threading.Event()

    def tick() -> None:
        while not over.wait(0.02):
            ticks.append(time.monotonic())

    other = threading.Thread(target=tick)
    other.start()
    connection.run_ready("SELECT pg_sleep(%s::float8)", [0.6])
    over.set()
    other.join()
    assert len(ticks) > 5
