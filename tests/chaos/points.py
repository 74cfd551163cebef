"""Crash points by construction: every outgoing request and every commit of this process, before and after."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from outbound import Call, watch
from outbound.calls import Moment

KINDS = ("kill", "zombie", "lost", "exception")
# Wrong designs that the points must find; mutants.py holds them, and only a worker ever loads it.
MUTANTS = ("key saved late", "idempotency key in memory", "epoch not checked")
WRITES = re.compile(r'^\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(?:\w+"?\."?)?(\w+)"?', re.IGNORECASE)


class Struck(RuntimeError):
    """A fault of our own, raised where nobody expects one."""


@dataclass(frozen=True)
class Point:
    """The `ordinal`-th time that a process comes to `name` (`ca.finalize`, `commit acmeorder+entry`)."""

    moment: Moment
    name: str
    ordinal: int

    def __str__(self) -> str:
        return f"{self.moment} {self.name} #{self.ordinal}"

    @classmethod
    def read(cls, text: str) -> Point:
        rest, _hash, ordinal = text.rpartition(" #")
        moment, _space, name = rest.partition(" ")
        return cls("before" if moment == "before" else "after", name, int(ordinal))

    @property
    def is_commit(self) -> bool:
        return self.name.startswith("commit ")

    @property
    def in_transaction(self) -> bool:
        """A process that stands still here holds the locks of what it has written."""
        return self.is_commit and self.moment == "before" and not self.name.startswith("commit one ")


class Door:
    """What this process passes is noted; at the armed point it is struck, once."""

    def __init__(self) -> None:
        self.passed: list[Point] = []
        self.counted: Counter[str] = Counter()
        self.open = False
        self.armed: Point | None = None
        self.kind = ""
        self.struck = False
        self.losing = ""  # "request" or "reply", while the armed call is under way
        self.owed: str | None = None  # a write that is done as soon as what it returns has been read

    def arm(self, point: Point | None, kind: str) -> None:
        self.armed, self.kind, self.open = point, kind, True

    def pass_by(self, moment: Moment, name: str) -> None:
        """Called before and after everything that has an effect outside this process."""
        self.settle()
        if not self.open:
            return
        if moment == "before":
            self.counted[name] += 1
        point = Point(moment, name, self.counted[name])
        self.passed.append(point)
        if self.kind == "lost" and self.armed is not None and not point.is_commit:
            self._lose(point)
        elif point == self.armed and not self.struck:
            self.struck = True
            self._strike(point)

    def settle(self) -> None:
        """Called before whatever comes next: the write that was owed has committed by now."""
        owed, self.owed = self.owed, None
        if owed is not None:
            self.pass_by("after", owed)

    def _lose(self, point: Point) -> None:
        """The connection is closed instead of sending the request, or after the peer has acted and before we hear of it."""
        armed = self.armed
        if armed is None or (point.name, point.ordinal) != (armed.name, armed.ordinal):
            return
        if point.moment == "before" and not self.struck:
            self.struck = True
            self.losing = "request" if armed.moment == "before" else "reply"
        elif point.moment == "after":
            self.losing = ""

    def _strike(self, point: Point) -> None:
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)
        elif self.kind == "zombie":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif self.kind == "exception":
            if point.is_commit:
                raise OperationalError("chaos: the database failed")
            raise Struck(str(point))
        elif self.kind == "lost":
            if connection.vendor != "sqlite" and connection.connection is not None:
                connection.connection.close()
                connection.errors_occurred = True
            raise OperationalError("chaos: the connection to the database broke")


DOOR = Door()


def _note_table(tables: list[str], sql: Any) -> bool:
    found = WRITES.match(str(sql))
    if found:
        table = found.group(1).partition("_")[2] or found.group(1)
        if table not in tables:
            tables.append(table)
    return found is not None


def _each_statement(execute: Any, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """A write outside a transaction commits by itself; one inside gives the commit its name."""
    DOOR.settle()
    database = context["connection"]
    if database.in_atomic_block:
        _note_table(database.__dict__.setdefault("chaos_tables", []), sql)
        return execute(sql, params, many, context)
    tables: list[str] = []
    if not _note_table(tables, sql):
        return execute(sql, params, many, context)
    name = f"commit one {tables[0]}"
    DOOR.pass_by("before", name)
    result = execute(sql, params, many, context)
    if database.vendor == "sqlite" and "RETURNING" in str(sql):
        # SQLite commits it when its rows have been read: who stands still before that holds the lock of the whole file.
        DOOR.owed = name
    else:
        DOOR.pass_by("after", name)
    return result


def _on_new_connection(sender: Any, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if _each_statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(_each_statement)


def install() -> None:
    """Instrument this process: the outermost commit, each autocommitted write, each outgoing call."""
    watch(lambda moment, call: DOOR.pass_by(moment, call_name(call)))
    connection_created.connect(_on_new_connection, weak=False)
    original = BaseDatabaseWrapper.commit

    def commit(self: BaseDatabaseWrapper) -> None:
        tables = self.__dict__.pop("chaos_tables", [])
        if not tables:
            return original(self)
        name = f"commit {'+'.join(tables)}"
        DOOR.pass_by("before", name)
        original(self)
        DOOR.pass_by("after", name)
        return None

    BaseDatabaseWrapper.commit = commit  # type: ignore[method-assign]
    rollback = BaseDatabaseWrapper.rollback

    def forgetful_rollback(self: BaseDatabaseWrapper) -> None:
        self.__dict__.pop("chaos_tables", None)
        rollback(self)

    BaseDatabaseWrapper.rollback = forgetful_rollback  # type: ignore[method-assign]


def call_name(call: Call) -> str:
    return call.name
