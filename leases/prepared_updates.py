"""A change of rows that only a query can find, built once: what `updates.update` cannot say, without the ORM's building."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from django.db import connections, models
from django.db.models.sql import UpdateQuery

from leases import wire
from leases.columns import AField
from leases.prepared import mark

Change = tuple[models.QuerySet[Any, Any], Mapping[str, Any]]


class PreparedUpdate:
    """`make` returns the rows and what is written to them, from one value per field; only those differ from call to call.

    Kept per thread and database, as connections are.
    """

    def __init__(self, make: Callable[..., Change], *fields: AField) -> None:
        self._make = make
        self._fields = fields
        self._built = threading.local()

    def __call__(self, *values: Any, using: str = "default") -> int:
        """Write, and return how many rows that were."""
        connection = connections[using]
        sql, fixed, all_places = self._built_for(connection)
        params = list(fixed)
        for places, field, value in zip(all_places, self._fields, values, strict=True):
            for place in places:
                params[place] = field.get_db_prep_value(value, connection)
        return wire.run(connection, sql, params)[1]

    def _built_for(self, connection: Any) -> tuple[str, tuple[Any, ...], list[list[int]]]:
        known: dict[str, Any] = self._built.__dict__
        if connection.alias not in known or known[connection.alias][0] is not connection:
            known[connection.alias] = (connection, self._build(connection))
        built: tuple[str, tuple[Any, ...], list[list[int]]] = known[connection.alias][1]
        return built

    def _build(self, connection: Any) -> tuple[str, tuple[Any, ...], list[list[int]]]:
        marks = [mark(field) for field in self._fields]
        rows, values = self._make(*marks)
        query: Any = rows.order_by().query.chain(UpdateQuery)
        query.add_update_values(dict(values))
        sql, params = query.get_compiler(connection=connection).as_sql()
        stored = [
            field.get_db_prep_value(one, connection) for field, one in zip(self._fields, marks, strict=True)
        ]
        places = [[n for n, param in enumerate(params) if param == one] for one in stored]
        if not all(places):
            raise ValueError("a value of a prepared update does not stand in it as it is")
        return sql, tuple(params), places
