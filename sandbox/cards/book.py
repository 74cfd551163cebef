"""Everything the card processor remembers, in one SQLite file: objects, answers, timers, deliveries."""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ALPHABET = string.ascii_letters + string.digits
TABLES = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created INTEGER NOT NULL,
    body TEXT NOT NULL, hidden TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, asked TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL, request TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS timers (
    seq INTEGER PRIMARY KEY, due_at REAL NOT NULL, verb TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY, event TEXT NOT NULL, due_at REAL, attempts INTEGER NOT NULL, answer TEXT NOT NULL,
    delivered INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at);
"""
Body = dict[str, Any]


@dataclass(frozen=True)
class Timer:
    """Something to do later: `verb` on the object `subject`."""

    seq: int
    verb: str
    subject: str
    detail: Body


@dataclass(frozen=True)
class Delivery:
    """One webhook to send; `due_at` (Unix seconds) is None once it is delivered or given up."""

    seq: int
    event: str
    due_at: float | None
    attempts: int
    answer: str
    delivered: bool


def new_id(prefix: str, length: int = 24) -> str:
    """An unguessable id like `pi_...`."""
    return f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(length))}"


class Book:
    """The SQLite file. Every write belongs in `writing()`: all of it is kept, or none."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.executescript(TABLES)

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def add(self, body: Body, **hidden: Any) -> Body:
        """Keep a new object; `hidden` is what its API never shows."""
        self.connection.execute(
            "INSERT INTO objects (id, kind, created, body, hidden) VALUES (?, ?, ?, ?, ?)",
            (body["id"], body["object"], body["created"], json.dumps(body), json.dumps(hidden)),
        )
        return body

    def update(self, body: Body) -> Body:
        """Keep the new state of an object."""
        self.connection.execute("UPDATE objects SET body = ? WHERE id = ?", (json.dumps(body), body["id"]))
        return body

    def get(self, identity: str, kind: str | None = None) -> Body | None:
        """An object, None when there is none of that id (and kind)."""
        row = self.connection.execute("SELECT body, kind FROM objects WHERE id = ?", (identity,)).fetchone()
        return json.loads(row[0]) if row and kind in {None, row[1]} else None

    def hidden(self, identity: str) -> Body:
        """What is kept with an object and never shown; raises KeyError."""
        row = self.connection.execute("SELECT hidden FROM objects WHERE id = ?", (identity,)).fetchone()
        if row is None:
            raise KeyError(identity)
        return dict(json.loads(row[0]))

    def select(
        self, kind: str, where: str = "", values: tuple[Any, ...] = (), limit: int = -1, order: str = "DESC"
    ) -> list[Body]:
        """Objects of a kind, newest first; `where` is SQL over seq, created and body written in this package."""
        query = f"SELECT body FROM objects WHERE kind = ? {where} ORDER BY seq {order} LIMIT ?"  # noqa: S608 - no input in it
        return [json.loads(body) for (body,) in self.connection.execute(query, (kind, *values, limit))]

    def place_of(self, identity: str) -> int | None:
        """Where an object stands in the order of creation."""
        row = self.connection.execute("SELECT seq FROM objects WHERE id = ?", (identity,)).fetchone()
        return int(row[0]) if row else None

    def answer_to(self, key: str) -> tuple[str, int, str, str] | None:
        """What was asked and answered under an idempotency key: (asked, status, body, request id)."""
        query = "SELECT asked, status, body, request FROM answers WHERE key = ?"
        row = self.connection.execute(query, (key,)).fetchone()
        return (row[0], row[1], row[2], row[3]) if row else None

    def keep_answer(self, key: str, asked: str, status: int, body: str, request: str) -> None:
        """Keep the answer to a request that came with an idempotency key."""
        self.connection.execute(
            "INSERT INTO answers VALUES (?, ?, ?, ?, ?)", (key, asked, status, body, request)
        )

    def set_timer(self, due_at: float, verb: str, subject: str, **detail: Any) -> None:
        """Remember to do `verb` at `due_at`."""
        self.connection.execute(
            "INSERT INTO timers (due_at, verb, subject, detail) VALUES (?, ?, ?, ?)",
            (due_at, verb, subject, json.dumps(detail)),
        )

    def due_timers(self, now: float) -> list[Timer]:
        """Timers whose time has come, earliest first."""
        query = "SELECT seq, verb, subject, detail FROM timers WHERE due_at <= ? ORDER BY due_at, seq"
        return [
            Timer(seq, verb, subject, json.loads(detail))
            for seq, verb, subject, detail in self.connection.execute(query, (now,))
        ]

    def drop_timer(self, seq: int) -> None:
        """A timer was served."""
        self.connection.execute("DELETE FROM timers WHERE seq = ?", (seq,))

    def add_delivery(self, event: str, due_at: float) -> None:
        """Remember to send an event."""
        self.connection.execute(
            "INSERT INTO deliveries (event, due_at, attempts, answer, delivered) VALUES (?, ?, 0, '', 0)",
            (event, due_at),
        )

    def deliveries(self, where: str = "", values: tuple[Any, ...] = ()) -> list[Delivery]:
        """Deliveries in the order they were made; `where` is SQL written in this package."""
        query = f"SELECT seq, event, due_at, attempts, answer, delivered FROM deliveries {where} ORDER BY seq"  # noqa: S608 - no input in it
        return [
            Delivery(row[0], row[1], row[2], row[3], row[4], bool(row[5]))
            for row in self.connection.execute(query, values)
        ]

    def note_delivery(self, delivery: Delivery) -> None:
        """Keep the new state of a delivery."""
        self.connection.execute(
            "UPDATE deliveries SET due_at = ?, attempts = ?, answer = ?, delivered = ? WHERE seq = ?",
            (delivery.due_at, delivery.attempts, delivery.answer, int(delivery.delivered), delivery.seq),
        )
