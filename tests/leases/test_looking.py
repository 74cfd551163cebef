"""One look at all kinds says what each kind's own look would, by the index that keeps it flat."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from accounts.models import Letter
from certificates.models import AcmeOrder
from leases import LEASE, looking
from leases.looking import Look
from portal.sweeping import QUEUES
from tests.conftest import NOW
from tests.factories import issuance_for, plan_for
from tests.leases.test_rows import letter
from validation.models import Authorization

pytestmark = pytest.mark.django_db

SOON = timedelta(seconds=1)
KINDS = [(rows.model, rows.all().owner_path) for rows, _work in QUEUES.values()]


def name(owner, number: int, due_at=NOW) -> Authorization:
    return Authorization.objects.create(
        owner=owner, url=f"https://ca.example/{number}", identifier="a.example", method="dns-01", created_at=NOW, due_at=due_at
    )  # fmt: skip


def seen(model, now=NOW, until=NOW):
    found = Look(KINDS, 20)(now, until)
    return found[[kind for kind, _path in KINDS].index(model)]


def test_it_finds_due_and_free_rows_of_every_kind_the_longest_waiting_first(alice):
    letters = [letter(n, NOW - timedelta(minutes=n)) for n in range(3)]
    held, lapsed = letter(5), letter(6, NOW - timedelta(hours=1))
    letter(7, None)
    Letter.objects.filter(pk=held.pk).update(lease_until=NOW + SOON)
    Letter.objects.filter(pk=lapsed.pk).update(lease_until=NOW - SOON)
    order = issuance_for(plan_for(alice), due_at=NOW).acme_orders.get()
    row = name(alice, 1)
    assert seen(Letter).due == [(one.pk, None) for one in (lapsed, *reversed(letters))]
    assert seen(AcmeOrder).due == [(order.pk, alice.pk)]
    assert seen(Authorization).due == [(row.pk, alice.pk)]


def test_its_owners_are_those_of_the_orm(alice, bob):
    for number, owner in enumerate((alice, bob)):
        issuance_for(plan_for(owner), due_at=NOW)
        name(owner, number)
    for model, path in KINDS:
        if path:
            rows = model.objects.due(NOW).values_list("pk", path)
            assert sorted(map(str, seen(model).due)) == sorted(map(str, rows))
    assert len(seen(AcmeOrder).due) == len(seen(Authorization).due) == 2


def test_it_tells_when_the_next_row_falls_due_within_sight():
    letter(1, NOW - SOON)
    letter(2, NOW + 2 * SOON)
    letter(3, NOW + 3 * SOON)
    assert seen(Letter, until=NOW + 5 * SOON).soon == NOW + 2 * SOON
    assert seen(Letter, until=NOW + SOON).soon is None
    assert len(seen(Letter, until=NOW + 5 * SOON).due) == 1


def test_it_is_bounded():
    for n in range(25):
        letter(n, NOW - n * SOON)
    assert len(seen(Letter).due) == 20


def test_the_next_moment_is_that_of_a_free_row():
    models = [model for model, _path in KINDS]
    assert looking.next_due(models) is None
    letter(1, NOW + timedelta(hours=1))
    held = letter(2, NOW)
    Letter.objects.filter(pk=held.pk).update(lease_until=NOW + LEASE)
    assert looking.next_due(models) == NOW + timedelta(hours=1)


def test_it_is_one_statement(django_assert_num_queries):
    with django_assert_num_queries(1):
        seen(Letter)


@pytest.mark.parametrize(
    "sql", [looking.sentence(tuple(KINDS), 20), looking._first(tuple(m for m, _ in KINDS))]
)
def test_each_part_goes_by_the_partial_index_of_its_kind(sql):
    values = {"now": str(NOW), "until": str(NOW)}
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # With so few rows any plan is as good: here only which it could take.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
            cursor.execute(f"EXPLAIN {sql}", values if "%(" in sql else None)
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", values if "%(" in sql else None)
        plan = "\n".join(str(row) for row in cursor.fetchall())
    for model, _path in KINDS:
        [index] = [index.name for index in model._meta.indexes if index.fields == ["due_at"]]
        assert index in plan, f"{model.__name__}: {plan}"
