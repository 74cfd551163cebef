"""No table of ours keeps an index that another one begins with: each is written with every row, and may be the one chosen.

Where a constraint holds for the same single column, its index stays: with it Django would drop the constraint on PostgreSQL
(its schema editor takes every index of that column for the field's own).
"""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models

ROOMS = {"accounts", "audit", "orders", "certificates", "validation"}


def tables() -> list[Any]:
    return [model for model in apps.get_models() if model._meta.app_label in ROOMS and model._meta.managed]


@pytest.mark.django_db
@pytest.mark.parametrize("model", tables(), ids=lambda model: model._meta.label)
def test_no_index_is_kept_that_another_begins_with(model: type[models.Model]) -> None:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    alone = [list(item.fields) for item in model._meta.constraints if len(getattr(item, "fields", ())) == 1]
    kept = [[model._meta.get_field(name).column for name in names] for names in alone]
    columns = {name: facts["columns"] for name, facts in found.items() if facts["index"] or facts["unique"]}
    partial = {index.name for index in [*model._meta.indexes, *model._meta.constraints] if condition(index)}
    whole = {name: listed for name, listed in columns.items() if name not in partial}
    doubled = {
        name: listed
        for name, listed in whole.items()
        if not found[name]["unique"] and not name.endswith("_like") and listed not in kept
        for other, longer in whole.items()
        if other != name and longer[: len(listed)] == listed and not other.endswith("_like")
    }
    assert doubled == {}


@pytest.mark.django_db
@pytest.mark.parametrize("model", tables(), ids=lambda model: model._meta.label)
def test_every_index_and_constraint_of_a_model_stands_in_the_database(model: type[models.Model]) -> None:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    assert {item.name for item in [*model._meta.indexes, *model._meta.constraints]} <= set(found)


def condition(index: Any) -> Any:
    return getattr(index, "condition", None)
