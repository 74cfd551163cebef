"""The PostgreSQL connection as the portal uses it, against a real server: found broken before it is used, and no message too long."""

from __future__ import annotations

import psycopg
import pytest

from portal.postgres.base import MOST_VALUES
from tests.portal.postgres.asking import another_request, ask, end_session

pytestmark = pytest.mark.server


def test_a_kept_connection_is_used_again_without_being_asked(connection):
    first = ask(connection, "SELECT pg_backend_pid()")
    with connection.execute_wrapper(forbidden):
        another_request(connection)
        connection.ensure_connection()
        assert connection.is_usable()
    assert ask(connection, "SELECT pg_backend_pid()") == first


def forbidden(*args: object) -> None:
    raise AssertionError("the server was asked")


def test_one_that_the_server_has_ended_is_replaced_before_anything_is_lost(connection, url):
    first = ask(connection, "SELECT pg_backend_pid()")
    end_session(url, first)
    assert not connection.is_usable()
    another_request(connection)
    assert ask(connection, "SELECT pg_backend_pid()") != first


def test_a_word_of_the_server_does_not_make_a_connection_unusable(connection):
    """A notice or a changed setting also leaves something to be read: then the server is asked after all."""
    ask(connection, "SELECT 1")
    with connection.cursor() as cursor:
        cursor.execute("LISTEN news")
        with psycopg.connect(connection.connection.info.dsn, autocommit=True) as other:
            other.execute("NOTIFY news, 'hello'")
    assert connection.is_usable()
    assert ask(connection, "SELECT 2") == 2


def test_a_closed_one_and_none_are_not_usable(connection):
    assert not connection.is_usable()
    ask(connection, "SELECT 1")
    connection.connection.close()
    assert not connection.is_usable()


@pytest.mark.parametrize("count", [1, 40_000])
def test_more_rows_than_one_message_can_carry_are_stored_all(connection, count):
    rows = [(n, "x") for n in range(count)]
    most = connection.ops.bulk_batch_size(["id", "word"], rows)
    assert 1 <= most * 2 <= MOST_VALUES
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE thing (id int, word text)")
        for begin in range(0, count, most):
            part = rows[begin : begin + most]
            values = [value for row in part for value in row]
            cursor.execute(f"INSERT INTO thing VALUES {', '.join(['(%s, %s)'] * len(part))}", values)
    assert ask(connection, "SELECT count(*) FROM thing") == count


def test_one_value_more_than_that_is_refused_by_the_server(connection):
    """Why there is a limit at all."""
    places = ", ".join(["%s"] * (MOST_VALUES + 1))
    with pytest.raises(Exception, match=r"65535|parameters"):
        ask(connection, f"SELECT array_length(ARRAY[{places}]::int[], 1)", *range(MOST_VALUES + 1))
