"""The sentences that every row of work costs several times, as ready SQL: due, claim, write.

They say what the ORM's would (and does, for a queryset that is filtered further); building those anew each time was
half of what a certificate cost. Columns are written through their fields, so every database gets its own form.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connections, models, router

from leases import wire
from leases.columns import field_of, is_plain, stored, table_and_key
from leases.prepared import Prepared

Row = TypeVar("Row", bound=models.Model)

_DUE = "due_at IS NOT NULL AND due_at <= %s AND (lease_until IS NULL OR lease_until < %s)"


def _moment(moment: datetime, connection: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


def due_keys(model: type[models.Model], now: datetime, most: int) -> list[Any]:
    """Return the keys of the rows that are due and free, the longest waiting first."""
    connection, (table, key) = connections[router.db_for_read(model)], table_and_key(model)
    at = _moment(now, connection)
    sql = f"SELECT {key} FROM {table} WHERE {_DUE} ORDER BY due_at LIMIT {int(most)}"  # noqa: S608 - names of our own
    return [model._meta.pk.to_python(row[0]) for row in wire.run(connection, sql, [at, at])[0]]


def claim(model: type[Row], pk: Any, now: datetime, lease: datetime) -> Row | None:
    """Hold a due and free row until `lease` and return it; None when another was first.

    A compare-and-swap that answers with what it has written: nobody can have changed the row between claim and reading.
    """
    using, (table, key) = router.db_for_write(model), table_and_key(model)
    connection = connections[using]
    at = _moment(now, connection)
    stored_pk = stored(model._meta.pk, model._meta.pk.to_python(pk), connection)
    sql = (
        f"UPDATE {table} SET lease_until = %s, epoch = epoch + 1 WHERE {key} = %s AND {_DUE}"  # noqa: S608 - names of our own
        f" RETURNING {_columns(model)}"
    )
    found, _count = wire.run(connection, sql, [_moment(lease, connection), stored_pk, at, at])
    return next(iter(_whole(model).read(found, using)), None) if found else None


def write(row: models.Model, epoch: int, values: dict[str, Any]) -> int | None:
    """Write columns of the row if its epoch is still this one; return how many rows that were.

    None: something here is no plain value of a column, and the ORM has to say it.
    """
    model = type(row)
    connection, (table, key) = connections[router.db_for_write(model)], table_and_key(model)
    columns, params = [], []
    for name, value in values.items():
        field = field_of(model, name)
        if not is_plain(field, value):
            return None
        columns.append(f'"{field.column}" = %s')
        params.append(stored(field, value, connection))
    pk = model._meta.pk.get_db_prep_save(row.pk, connection)
    sql = f"UPDATE {table} SET {', '.join(columns)} WHERE {key} = %s AND epoch = %s"  # noqa: S608 - names of our own
    return wire.run(connection, sql, [*params, pk, epoch])[1]


@lru_cache(maxsize=64)
def _columns(model: type[models.Model]) -> str:
    return ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields)


@lru_cache(maxsize=64)
def _whole(model: type[Row]) -> Prepared[Row]:
    """Return the question whose columns are those of `_columns`."""
    return Prepared(lambda: model._base_manager.order_by())


@lru_cache(maxsize=64)
def _owned(model: type[models.Model], owner_path: str, most: int) -> Prepared[tuple[Any, Any]]:
    due_at: Any = model._meta.get_field("due_at")
    rows: Any = model._default_manager
    return Prepared(lambda now: rows.due(now).values_list("pk", owner_path)[:most], due_at)


def due_with_owners(
    model: type[models.Model], owner_path: str, now: datetime, most: int
) -> list[tuple[Any, Any]]:
    """Return (key, owner) of the rows that are due and free, the longest waiting first."""
    return _owned(model, owner_path, most)(now, using=router.db_for_read(model))


@lru_cache(maxsize=64)
def _heads(model: type[models.Model]) -> Prepared[tuple[Any, Any]]:
    due_at: Any = model._meta.get_field("due_at")
    rows: Any = model._default_manager
    return Prepared(lambda now: rows.all().heads(now), due_at)


def heads(model: type[models.Model], now: datetime) -> list[tuple[Any, Any]]:
    """Return (key, owner) of the longest waiting rows of each owner within a backlog."""
    return _heads(model)(now, using=router.db_for_read(model))
