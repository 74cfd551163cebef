"""New rows by SQL that is built once for each model: `Model.objects.create` takes several times as long to say it.

What `Model()` and its fields do is done (defaults, `pre_save`, each database's form of a value); signals, `save()` of the
model itself and inherited tables are not: no model that is written here has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connections, models, router

from leases import wire
from leases.columns import stored, table_and_key

Row = TypeVar("Row", bound=models.Model)


def insert(model: type[Row], **values: Any) -> Row:
    """Store a new row and return it, with the key that the database made. Raises IntegrityError."""
    row = model(**values)
    _store(model, [row], once=False)
    return row


def insert_once(model: type[Row], **values: Any) -> Row | None:
    """Store a new row, or return None where a unique index says that there is such a row already.

    Unlike get_or_create it asks nothing first, and a conflict leaves the transaction as it was.
    """
    row = model(**values)
    return row if _store(model, [row], once=True) else None


def insert_all(rows: Sequence[models.Model]) -> None:
    """Store new rows of one model by one statement, and give them their keys. Raises IntegrityError."""
    if rows:
        _store(type(rows[0]), rows, once=False)


def _store(model: type[models.Model], rows: Sequence[models.Model], *, once: bool) -> bool:
    """Return True if they are stored."""
    using = router.db_for_write(model)
    connection = connections[using]
    key = model._meta.pk
    made = rows[0].pk is None
    sql, fields = _sentence(model, len(rows), made, once)
    params = [
        stored(field, field.pre_save(row, True) if has_its_way else getattr(row, field.attname), connection)
        for row in rows
        for field, has_its_way in fields
    ]
    keys, changed = wire.run(connection, sql, params)
    done = len(keys) if made else changed
    if done != len(rows):
        return False
    for row, found in zip(rows, keys, strict=False):
        setattr(row, key.attname, found[0])
    for row in rows:
        row._state.adding, row._state.db = False, using
    return True


@lru_cache(maxsize=256)
def _sentence(
    model: type[models.Model], count: int, made: bool, once: bool
) -> tuple[str, list[tuple[Any, bool]]]:
    """Return the statement for so many rows, and the fields whose values it takes; `made`: the database makes the key.

    Beside each field stands whether it has its own way of finding its value (`auto_now`).
    """
    table, key = table_and_key(model)
    fields: list[Any] = [
        field for field in model._meta.local_concrete_fields if not (made and field.primary_key)
    ]
    names = ", ".join(f'"{field.column}"' for field in fields)
    one = f"({', '.join(['%s'] * len(fields))})"
    conflict = " ON CONFLICT DO NOTHING" if once else ""
    returning = f" RETURNING {key}" if made else ""
    rows = ", ".join([one] * count)
    return f"INSERT INTO {table} ({names}) VALUES {rows}{conflict}{returning}", [  # noqa: S608 - names of our own
        (field, type(field).pre_save is not models.Field.pre_save) for field in fields
    ]
