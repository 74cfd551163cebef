"""The columns of a model as ready SQL names, and values as a column's field stores them."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import models
from django.db.models.expressions import BaseExpression, Combinable

Text = models.CharField | models.TextField
AField = Any  # Field is generic for the type checker only


@lru_cache(maxsize=128)
def table_and_key(model: type[models.Model]) -> tuple[str, str]:
    """Return the quoted table and key column. Both databases quote names alike."""
    return f'"{model._meta.db_table}"', f'"{model._meta.pk.column}"'


@lru_cache(maxsize=1024)
def field_of(model: type[models.Model], name: str) -> AField:
    """Return the field that is called so ("pk", "plan", "plan_id"). Raises FieldDoesNotExist."""
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


def is_plain(field: AField, value: Any) -> bool:
    """True if the value can be stored as it is: a column's, and nothing that the database has to work out."""
    return bool(field.concrete) and not isinstance(value, BaseExpression | Combinable)


def stored(field: AField, value: Any, connection: Any) -> Any:
    """Return the value as the database takes it; a row stands for its key.

    Fields prepare by a dozen calls what needs none in the usual cases: those are answered here.
    """
    kind = type(value)
    if value is None or (kind is str and isinstance(field, Text)):
        return value
    if kind is datetime and value.tzinfo is not None and isinstance(field, models.DateTimeField):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, models.Model):
        value = getattr(value, field.target_field.attname)
    return field.get_db_prep_save(value, connection)
