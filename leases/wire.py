"""One ready statement goes to the database, and its answer comes back: by the backend's short way where it has one."""

from __future__ import annotations

from typing import Any

Rows = list[Any]


def run(connection: Any, sql: str, values: Any) -> tuple[Rows, int]:
    """Return the rows that the statement answers with, and how many rows it changed.

    `values` is a sequence, or a mapping where the places have names. Raises what a cursor would.
    """
    short = getattr(connection, "run_ready", None)
    if short is not None:
        answer: tuple[Rows, int] = short(sql, values)
        return answer
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return (cursor.fetchall() if cursor.description else []), cursor.rowcount
