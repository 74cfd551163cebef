"""A query that is built once and asked often: building takes the ORM several times as long as the database to answer."""

from __future__ import annotations

import secrets
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db import connections, models
from django.db.models.query import ModelIterable, get_related_populators
from django.db.transaction import TransactionManagementError

from leases import wire
from leases.columns import stored

Found = TypeVar("Found")
AField = Any  # Field is generic for the type checker only


class Prepared(Generic[Found]):
    """`make` builds the query from one value per field; those values, and only those, differ from call to call.

    It may be a query for rows, with all that they join, or for values_list() (then tuples are found, flat=True or not), sliced, or FOR UPDATE (then a transaction must be running).
    For exists() ask for values_list("pk")[:1]. The built query is kept per thread and database, as connections are.
    """

    def __init__(self, make: Callable[..., models.QuerySet[Any, Found]], *fields: AField) -> None:
        self._make = make
        self._fields = fields
        self._built = threading.local()

    def __call__(self, *values: Any, using: str = "default") -> list[Found]:
        connection = connections[using]
        built = self._built_for(connection)
        if built.locks and connection.get_autocommit():
            raise TransactionManagementError("a row is held until a transaction ends, and none is running")
        params = list(built.params)
        for places, field, value in zip(built.places, self._fields, values, strict=True):
            for place in places:
                params[place] = stored(field, value, connection)
        found, _count = wire.run(connection, built.sql, params)
        return built.read(found) if found else []

    def _built_for(self, connection: Any) -> _Built:
        known, using = self._built.__dict__, connection.alias
        if using not in known or known[using].compiler.connection is not connection:
            known[using] = _Built(self._make, self._fields, using)
        built: _Built = known[using]
        return built

    def read(self, found: list[Any], using: str = "default") -> list[Found]:
        """Return what another statement has answered with this query's columns, as this query would."""
        return self._built_for(connections[using]).read(found)

    def first(self, *values: Any, using: str = "default") -> Found | None:
        """Return the first that is found, None when there is none. Slice the query where there may be many."""
        return next(iter(self(*values, using=using)), None)


class _Built:
    def __init__(
        self, make: Callable[..., models.QuerySet[Any, Any]], fields: tuple[AField, ...], using: str
    ) -> None:
        marks = [mark(field) for field in fields]
        asked = make(*marks).using(using)
        query = asked.query
        self.using = using
        self.locks = query.select_for_update
        self.compiler: Any = query.get_compiler(using=using)
        self.sql, self.params = self.compiler.as_sql()
        places = [
            stored(field, mark, self.compiler.connection) for field, mark in zip(fields, marks, strict=True)
        ]
        self.places = [[n for n, param in enumerate(self.params) if param == mark] for mark in places]
        if not all(self.places):
            raise ValueError("a value of a prepared query does not stand in it as it is")
        columns = [column[0] for column in self.compiler.select[: self.compiler.col_count]]
        self.converters = self.compiler.get_converters(columns)
        self.gives_rows = issubclass(asked._iterable_class, ModelIterable)
        if self.gives_rows:
            self._prepare_rows(self.compiler.klass_info)

    def _prepare_rows(self, info: Any) -> None:
        wanted = info["select_fields"]
        self.start, self.end = wanted[0], wanted[-1] + 1
        self.names = [column[0].target.attname for column in self.compiler.select[self.start : self.end]]
        self.model = info["model"]
        self.populators = get_related_populators(info, self.compiler.select, self.using)  # type: ignore[call-arg]  # the stubs are for a later Django

    def read(self, found: list[Any]) -> list[Any]:
        """Return what the database has answered, as rows of the model or as tuples."""
        rows = self.compiler.apply_converters(found, self.converters) if self.converters else found
        if not self.gives_rows:
            return [tuple(row) for row in rows]
        return [self._object_of(row) for row in rows]

    def _object_of(self, row: Any) -> Any:
        found = self.model.from_db(self.using, self.names, row[self.start : self.end])
        for populator in self.populators:
            populator.populate(row, found)
        return found


def mark(field: AField) -> Any:
    """Return a value that nothing else in the query can be, so that its places are found in the built one."""
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    if isinstance(target, models.UUIDField):
        return uuid.uuid4()
    if isinstance(target, models.DateTimeField):
        return datetime(1971, 1, 1, tzinfo=UTC) + timedelta(microseconds=secrets.randbelow(10**12))
    if isinstance(target, models.IntegerField):
        return 10**8 + secrets.randbelow(10**9)
    return secrets.token_hex(16)
