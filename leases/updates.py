"""Changes of rows found by plain conditions, by SQL that is built once: compare-and-swap without the ORM's building."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.db import connections, models, router

from leases import wire
from leases.columns import field_of, is_plain, stored, table_and_key

Many = list | tuple | set | frozenset


def update(model: type[models.Model], where: Mapping[str, Any], **values: Any) -> int:
    """Write columns of the rows that fulfil every condition; return how many rows that were.

    A condition is a field's name ("pk", "plan_id", ...) and what it must be: a value, None (IS NULL), or a list, tuple or
    set (IN; an empty one finds nothing). Raises ValueError for what is no plain value (F(), Now(), a lookup's path).
    """
    connection = connections[router.db_for_write(model)]
    params, shapes = [], []
    for name, value in values.items():
        params.append(_plain(model, name, value, connection))
    for name, value in where.items():
        field = field_of(model, name)
        # A JSON column may hold a list as its value: it is never compared here.
        many = isinstance(value, Many)
        found = list(value) if many else [] if value is None else [value]
        if many and not found:
            return 0
        params += [_plain(model, name, one, connection) for one in found]
        shapes.append((field.column, len(found) if many else -1 if value is None else 0))
    sql = _sentence(model, tuple(values), tuple(shapes))
    return wire.run(connection, sql, params)[1]


def _plain(model: type[models.Model], name: str, value: Any, connection: Any) -> Any:
    field = field_of(model, name)
    if not is_plain(field, value):
        raise ValueError(f"{name}: no plain value of a column")
    return stored(field, value, connection)


@lru_cache(maxsize=512)
def _sentence(model: type[models.Model], names: tuple[str, ...], shapes: tuple[tuple[str, int], ...]) -> str:
    """Return the statement; a condition's shape is its column and -1 for IS NULL, 0 for equal, n for one of n."""
    table, _key = table_and_key(model)
    columns = ", ".join(f'"{field_of(model, name).column}" = %s' for name in names)
    conditions = " AND ".join(_condition(column, count) for column, count in shapes)
    return f"UPDATE {table} SET {columns} WHERE {conditions}"  # noqa: S608 - names of our own


def _condition(column: str, count: int) -> str:
    if count == -1:
        return f'"{column}" IS NULL'
    return f'"{column}" = %s' if count == 0 else f'"{column}" IN ({", ".join(["%s"] * count)})'
