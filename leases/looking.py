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
    """A look at several kinds: `kinds` holds (model, path to the rows' owner or ""), `most` limits the rows of each."""

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
                mine = _owner(model, path).to_python(owner) if path else None
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
    """The rows are limited first and their owners looked up then: so no plan can begin with the owners."""
    key = _key(model).column
    table = f'"{model._meta.db_table}"'
    link, owner = _owner_sql(model, path) if path else ("", "NULL")
    columns = ", ".join(dict.fromkeys(f'"{name}"' for name in (key, link, "due_at") if name))
    return (
        f'SELECT {number}, CAST(q."{key}" AS text), {owner}, q.due_at FROM (SELECT {columns} FROM {table}'  # noqa: S608 - names of our own
        " WHERE due_at IS NOT NULL AND due_at <= %(until)s AND (lease_until IS NULL OR lease_until < %(now)s)"
        f" ORDER BY due_at LIMIT {int(most)}) q"
    )


def _owner_sql(model: type[models.Model], path: str) -> tuple[str, str]:
    """Return the column of the row that leads to its owner, and the owner's key as an SQL expression."""
    *steps, last = path.split("__")
    first: Any = model._meta.get_field(steps[0] if steps else last.removesuffix("_id"))
    if not steps:
        return first.column, f'CAST(q."{first.column}" AS text)'
    tables, before, step = [], f'q."{first.column}"', first
    for depth, name in enumerate([*steps[1:], last.removesuffix("_id")]):
        other = step.related_model
        tables.append(
            (f'"{other._meta.db_table}" t{depth}', f't{depth}."{step.target_field.column}" = {before}')
        )
        step = other._meta.get_field(name)
        before = f't{depth}."{step.column}"'
    source = ", ".join(table for table, _on in tables)
    joined = " AND ".join(on for _table, on in tables)
    return first.column, f"(SELECT CAST({before} AS text) FROM {source} WHERE {joined})"  # noqa: S608 - names of our own


@lru_cache(maxsize=64)
def _key(model: type[models.Model]) -> Any:
    return model._meta.pk


@lru_cache(maxsize=64)
def _owner(model: type[models.Model], path: str) -> Any:
    """Return the field whose values the owners are."""
    *steps, last = path.split("__")
    for name in steps:
        model = model._meta.get_field(name).related_model  # type: ignore[assignment]  # paths lead over foreign keys
    found: Any = model._meta.get_field(last.removesuffix("_id"))
    return found.target_field


def _moments(connection: Any, model: type[models.Model]) -> Any:
    due_at: Any = model._meta.get_field("due_at")
    column = due_at.get_col(model._meta.db_table)
    converters = connection.ops.get_db_converters(column)

    def convert(stored: Any) -> Any:
        for converter in converters:
            stored = converter(stored, column, connection)
        return stored

    return convert
