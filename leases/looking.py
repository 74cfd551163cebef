"""One look at many kinds of rows: what is due of each, and what will be soon, in a single statement.

Each kind contributes a bounded look of its own by its partial index (`due_index`), and the database answers all of them
at once: a sweep that asked thirteen queues one by one spent more on asking than on what it found.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connections, models, router

from leases import wire


@dataclass
class Seen:
    """Rows of one kind that are due and free, as (key, owner), the longest waiting first; `soon` is when the next one falls due."""

    due: list[tuple[Any, Hashable]] = field(default_factory=list)
    soon: datetime | None = None


class Look:
    """A look at several kinds: `kinds` holds (model, column of the rows' owner or ""), `most` limits the rows of each."""

    def __init__(self, kinds: Iterable[tuple[type[models.Model], str]], most: int) -> None:
        self.kinds = tuple(kinds)
        self.most = most

    def __call__(self, now: datetime, until: datetime) -> list[Seen]:
        """Return what is due at `now`, kind by kind; rows that fall due after `until` are not looked for."""
        found = [Seen() for _kind in self.kinds]
        using = router.db_for_read(self.kinds[0][0])
        connection = connections[using]
        adapt = connection.ops.adapt_datetimefield_value
        asked = {"now": adapt(now), "until": adapt(until)}
        rows, _count = wire.run(connection, sentence(self.kinds, self.most), asked)
        moments = _moments(connection, self.kinds[0][0])
        for number, key, owner, stored in sorted(rows, key=lambda row: (row[0], row[3])):
            seen, (model, path) = found[number], self.kinds[number]
            due_at = moments(stored)
            if due_at <= now:
                mine = _owner(model, path).target_field.to_python(owner) if path else None
                seen.due.append((_key(model).to_python(key), mine))
            elif seen.soon is None:
                seen.soon = due_at
        return found


def next_due(kinds: Iterable[type[models.Model]]) -> datetime | None:
    """Return when the next free row of these kinds falls due, None when none waits."""
    each = tuple(kinds)
    connection = connections[router.db_for_read(each[0])]
    found = wire.run(connection, _first(each), [])[0][0][0]
    moment: datetime | None = _moments(connection, each[0])(found)
    return moment


@lru_cache(maxsize=16)
def _first(kinds: tuple[type[models.Model], ...]) -> str:
    parts = (
        f'SELECT due_at FROM (SELECT due_at FROM "{model._meta.db_table}" WHERE due_at IS NOT NULL'  # noqa: S608 - names of our own
        " AND lease_until IS NULL ORDER BY due_at LIMIT 1) q"
        for model in kinds
    )
    return f"SELECT MIN(due_at) FROM ({' UNION ALL '.join(parts)}) firsts"  # noqa: S608 - names of our own


@lru_cache(maxsize=16)
def sentence(kinds: tuple[tuple[type[models.Model], str], ...], most: int) -> str:
    """Return the SQL of a look: rows of (number of the kind, key, owner, due_at). Names `now` and `until`."""
    return " UNION ALL ".join(_part(number, model, path, most) for number, (model, path) in enumerate(kinds))


def _part(number: int, model: type[models.Model], path: str, most: int) -> str:
    key = _key(model).column
    owner = f'CAST("{_owner(model, path).column}" AS text)' if path else "NULL"
    # In brackets of its own: SQLite takes no ORDER BY within a UNION otherwise.
    return (
        f'SELECT * FROM (SELECT {number}, CAST("{key}" AS text), {owner}, due_at FROM "{model._meta.db_table}"'  # noqa: S608 - names of our own
        " WHERE due_at IS NOT NULL AND due_at <= %(until)s AND (lease_until IS NULL OR lease_until < %(now)s)"
        f" ORDER BY due_at LIMIT {int(most)}) q{number}"
    )


@lru_cache(maxsize=64)
def _key(model: type[models.Model]) -> Any:
    return model._meta.pk


@lru_cache(maxsize=64)
def _owner(model: type[models.Model], path: str) -> Any:
    return model._meta.get_field(path.removesuffix("_id"))


def _moments(connection: Any, model: type[models.Model]) -> Any:
    due_at: Any = model._meta.get_field("due_at")
    column = due_at.get_col(model._meta.db_table)
    converters = connection.ops.get_db_converters(column)

    def convert(stored: Any) -> Any:
        for converter in converters:
            stored = converter(stored, column, connection)
        return stored

    return convert
