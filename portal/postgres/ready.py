"""Ready statements of one connection: prepared at the server once, then sent with their values and nothing around them.

A cursor of Django's around one of psycopg's takes several times as long in our process as such a statement takes
altogether. This is the short way for those that are asked again and again (leases/wire.py); everything else goes through
cursors as ever. Values and answers are converted by psycopg, as a cursor would.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result

Values = Sequence[Any] | dict[str, Any]
# A statement, and the types of its values as the server knows them.
Key = tuple[str, tuple[int, ...]]

# Each takes memory at the server; what comes after so many goes through a cursor.
MOST = 400
# After five uses the server settles on a plan, and keeps it however far a table grows until somebody counts its rows:
# one made for an empty table reads all of a full one. So it has to plan anew after so many uses, then ever more seldom.
FIRST_LIFE = 64
LONGER = 8
_GOOD = {pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK}
_PLACE = re.compile(r"%(?:\((\w+)\)s|s|%)")


class NotReady(Exception):
    """The statement must go through a cursor this time."""


@dataclass(slots=True)
class Prepared:
    """What the server knows a statement by, for how many uses, and how many of them are left."""

    name: bytes
    life: int
    left: int


class ReadyStatements:
    """The statements that this connection has prepared. Its server forgets them with the connection."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._adapting = Transformer(connection)
        self._prepared: dict[Key, Prepared] = {}
        # A statement is worth preparing when it is asked again before so many others were asked once.
        self._asked_once: set[Key] = set()
        self._made = 0

    def run(self, sql: str, values: Values) -> tuple[list[tuple[Any, ...]], int]:
        """Return the rows that it answers with, and how many rows it changed. Raises NotReady, psycopg.Error."""
        text, order = _numbered(sql)
        given: Any = values if order is None else [values[name] for name in order]  # type: ignore[call-overload]
        sent: Any = self._adapting.dump_sequence(given, _automatic(len(given)))
        _be_free(self._connection)
        name = self._name(sql, text)
        return self._read(self._connection.pgconn.exec_prepared(name, sent, self._adapting.formats))

    def forget(self) -> None:
        """What the server has forgotten, or can no longer use as it is, is prepared anew under another name."""
        self._asked_once, self._prepared = set(self._prepared), {}

    def _name(self, sql: str, text: bytes) -> bytes:
        key = (sql, tuple(self._adapting.types or ()))
        known = self._prepared.get(key)
        if known is None:
            if key not in self._asked_once or len(self._prepared) == MOST:
                self._ask_once(key)
                raise NotReady(sql)
            known = self._prepared[key] = self._prepare(text, key, FIRST_LIFE)
            self._asked_once.discard(key)
        elif not known.left:
            worn, known = known, self._prepare(text, key, known.life * LONGER)
            self._prepared[key] = known
            _check(self._connection, self._connection.pgconn.exec_(b"DEALLOCATE " + worn.name))
        known.left -= 1
        return known.name

    def _prepare(self, text: bytes, key: Key, life: int) -> Prepared:
        self._made += 1
        name = f"ready{self._made}".encode()
        _check(self._connection, self._connection.pgconn.prepare(name, text, key[1]))
        return Prepared(name, life, life)

    def _ask_once(self, key: Key) -> None:
        if len(self._asked_once) == MOST:
            self._asked_once.clear()
        self._asked_once.add(key)

    def _read(self, result: Any) -> tuple[list[tuple[Any, ...]], int]:
        _check(self._connection, result)
        if result.status != pq.ExecStatus.TUPLES_OK:
            return [], result.command_tuples or 0
        self._adapting.set_pgresult(result)
        rows = self._adapting.load_rows(0, result.ntuples, tuple)
        self._adapting.set_pgresult(None)
        return rows, len(rows)


def command(connection: psycopg.Connection[Any], word: bytes) -> None:
    """Send what takes and brings no values (BEGIN, COMMIT, ROLLBACK TO). Raises psycopg.Error."""
    _be_free(connection)
    _check(connection, connection.pgconn.exec_(word))


def _be_free(connection: psycopg.Connection[Any]) -> None:
    """Somebody was interrupted while the server worked: libpq would wait for the end of that, however long it takes."""
    if connection.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
        raise psycopg.OperationalError("the connection is busy with another command")


def _check(connection: psycopg.Connection[Any], result: Any) -> None:
    if result.status in _GOOD:
        return
    if connection.pgconn.status == pq.ConnStatus.BAD:
        raise psycopg.OperationalError(result.get_error_message() or "the connection was lost")
    raise error_from_result(result)


@lru_cache(maxsize=1024)
def _numbered(sql: str) -> tuple[bytes, tuple[str, ...] | None]:
    """Return the statement with $1, $2 … for its places; and the names in that order where its places have names."""
    names: list[str] = []
    count = 0

    def place(found: re.Match[str]) -> str:
        nonlocal count
        if found.group() == "%%":
            return "%"
        if found.group(1) is None:
            count += 1
            return f"${count}"
        if found.group(1) not in names:
            names.append(found.group(1))
        return f"${names.index(found.group(1)) + 1}"

    text = _PLACE.sub(place, sql).encode()
    return text, tuple(names) if names else None


@lru_cache(maxsize=256)
def _automatic(count: int) -> list[PyFormat]:
    return [PyFormat.AUTO] * count
