"""A query that is built once and asked often: building takes the ORM several times as long as the database to answer."""

from __future__ import annotations

import secrets
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db import connections, models
from django.db.models.query import get_related_populators

Row = TypeVar("Row", bound=models.Model)
AField = Any  # Field is generic for the type checker only


class Prepared(Generic[Row]):
    """`make` builds the query from one value per field; those values, and only those, differ from call to call.

    The built query is kept per thread and database, as connections are.
    """

    def __init__(self, make: Callable[..., models.QuerySet[Row]], *fields: AField) -> None:
        self._make = make
        self._fields = fields
        self._built = threading.local()

    def __call__(self, *values: Any, using: str = "default") -> list[Row]:
        known = self._built.__dict__
        connection = connections[using]
        if using not in known or known[using].compiler.connection is not connection:
            known[using] = _Built(self._make, self._fields, using)
        built: _Built = known[using]
        params = list(built.params)
        for places, field, value in zip(built.places, self._fields, values, strict=True):
            for place in places:
                params[place] = field.get_db_prep_value(value, connection)
        with connection.cursor() as cursor:
            cursor.execute(built.sql, params)
            found = cursor.fetchall()
        return [built.object_of(row) for row in built.compiler.results_iter([found])] if found else []


class _Built:
    def __init__(
        self, make: Callable[..., models.QuerySet[Any]], fields: tuple[AField, ...], using: str
    ) -> None:
        marks = [_mark(field) for field in fields]
        self.using = using
        self.compiler: Any = make(*marks).using(using).query.get_compiler(using=using)
        self.sql, self.params = self.compiler.as_sql()
        stored = [
            field.get_db_prep_value(mark, self.compiler.connection)
            for field, mark in zip(fields, marks, strict=True)
        ]
        self.places = [[n for n, param in enumerate(self.params) if param == mark] for mark in stored]
        if not all(self.places):
            raise ValueError("a value of a prepared query does not stand in it as it is")
        info = self.compiler.klass_info
        wanted = info["select_fields"]
        self.start, self.end = wanted[0], wanted[-1] + 1
        self.names = [column[0].target.attname for column in self.compiler.select[self.start : self.end]]
        self.model = info["model"]
        self.populators = get_related_populators(info, self.compiler.select, using)  # type: ignore[call-arg]  # the stubs are for a later Django

    def object_of(self, row: Any) -> Any:
        found = self.model.from_db(self.using, self.names, row[self.start : self.end])
        for populator in self.populators:
            populator.populate(row, found)
        return found


def _mark(field: AField) -> Any:
    """Return a value that nothing else in the query can be, so that its places are found in the built one."""
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    if isinstance(target, models.UUIDField):
        return uuid.uuid4()
    if isinstance(target, models.DateTimeField):
        return datetime(1971, 1, 1, tzinfo=UTC) + timedelta(microseconds=secrets.randbelow(10**12))
    if isinstance(target, models.IntegerField):
        return 10**8 + secrets.randbelow(10**9)
    return secrets.token_hex(16)
