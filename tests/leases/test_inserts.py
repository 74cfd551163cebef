"""A row that is stored by ready SQL is the row that the ORM would have stored."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Letter
from audit.models import Entry
from audit.vocabulary import Action
from certificates.models import CaUse, LimitKind
from leases.inserts import insert, insert_all, insert_once
from tests.conftest import NOW
from tests.factories import CaAccountFactory
from validation.models import Authorization

pytestmark = pytest.mark.django_db

LETTER = {
    "to": "a@example.org", "kind": "test", "subject": "s", "body": "100 % of it", "created_at": NOW, "due_at": NOW
}  # fmt: skip


def columns(row):
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_the_database_makes_the_key_and_defaults_are_filled_in():
    row = insert(Letter, occasion="one", **LETTER)
    again = Letter.objects.get(occasion="one")
    assert columns(row) == columns(again)
    assert (again.epoch, again.tries, again.problem) == (0, 0, "")
    row.subject = "another"
    row.save()
    assert Letter.objects.get().subject == "another"


def test_a_key_of_our_own_json_and_a_foreign_row_are_stored(alice):
    row = insert(
        Authorization, owner=alice, url="https://ca.example/1", identifier="a.example", method="dns-01",
        finding={"seen": ["x", "%s"]}, created_at=NOW, due_at=None,
    )  # fmt: skip
    again = Authorization.objects.get(pk=row.pk)
    assert columns(row) == columns(again)
    assert again.owner == alice


def test_an_entry_of_memory_is_what_the_orm_makes_of_it():
    values = {"at": NOW, "action": Action.KEY_MADE, "actor": "x", "object_kind": "k", "object_id": "1"}
    ready = insert(Entry, **values, details={"n": [1, None]})
    usual = Entry.objects.create(**values, details={"n": [1, None]})
    one, two = columns(Entry.objects.get(pk=ready.pk)), columns(Entry.objects.get(pk=usual.pk))
    assert one.pop("id") < two.pop("id")
    assert one == two


def test_the_same_row_is_stored_once_and_the_transaction_goes_on():
    with transaction.atomic():
        assert insert_once(Letter, occasion="one", **LETTER) is not None
        assert insert_once(Letter, occasion="one", **LETTER | {"subject": "second"}) is None
        assert Letter.objects.get().subject == "s"


def test_with_a_key_of_our_own_it_is_stored_once_too(alice):
    values = {"owner": alice, "url": "https://ca.example/1", "identifier": "a.example", "method": "dns-01"}
    assert insert_once(Authorization, **values, created_at=NOW) is not None
    assert insert_once(Authorization, **values, created_at=NOW) is None
    assert Authorization.objects.count() == 1


def test_a_second_one_is_an_error_where_once_was_not_asked_for():
    insert(Letter, occasion="one", **LETTER)
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(Letter, occasion="one", **LETTER)


def test_many_are_stored_by_one_statement(django_assert_num_queries):
    account = CaAccountFactory()
    rows = [CaUse(account=account, kind=LimitKind.DOMAIN, subject=f"{n}.example", at=NOW) for n in range(3)]
    with django_assert_num_queries(1):
        insert_all(rows)
        insert_all([])
    assert [use.subject for use in CaUse.objects.order_by("pk")] == [row.subject for row in rows]
    assert {row.pk for row in rows} == set(CaUse.objects.values_list("pk", flat=True))
