"""Small words for tests of a connection."""

from __future__ import annotations

from typing import Any

import psycopg


def ask(connection: Any, sql: str, *values: object) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()[0]


def end_session(url: str, pid: int) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def another_request(connection: Any) -> None:
    """What Django does between two requests."""
    connection.close_if_unusable_or_obsolete()
    connection.health_check_done = False
    connection.close_if_unusable_or_obsolete()
