"""Memory cannot be changed, neither through the ORM nor by SQL."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from audit.models import Entry
from audit.models.entry import EntryIsForEver
from audit.record import record
from audit.vocabulary import Action

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry(alice, now):
    return record(Action.SIGNED_IN, alice, now=now, by=alice, address="192.0.2.7")


def _refused(sql: str, *values: object) -> None:
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, values)


def test_it_records_who_what_when_and_from_where(entry, alice, now):
    kept = Entry.objects.get(pk=entry.pk)
    assert (kept.actor, kept.actor_id, kept.address, kept.at) == (alice.email, alice.pk, "192.0.2.7", now)
    assert (kept.action, kept.object_kind, kept.object_id) == ("user:signed_in", "user", str(alice.pk))


def test_a_process_acts_under_its_name(alice, now):
    entry = record(Action.SIGNED_UP, alice, now=now, by="sign-up")
    assert (entry.actor, entry.actor_id) == ("sign-up", None)


def test_the_database_refuses_to_change_an_entry(entry):
    _refused("UPDATE audit_entry SET actor = %s WHERE id = %s", "mallory@example.org", entry.pk)
    assert Entry.objects.get(pk=entry.pk).actor == entry.actor


def test_the_database_refuses_to_delete_an_entry(entry):
    _refused("DELETE FROM audit_entry WHERE id = %s", entry.pk)
    _refused("DELETE FROM audit_entry")
    assert Entry.objects.filter(pk=entry.pk).exists()


@pytest.mark.parametrize(
    "attempt",
    [
        lambda e: e.save(),
        lambda e: e.delete(),
        lambda e: Entry.objects.update(actor="x"),
        lambda e: Entry.objects.all().delete(),
    ],
    ids=["save", "delete", "update", "delete many"],
)
def test_the_models_refuse_before_the_database_has_to(entry, attempt):
    with pytest.raises(EntryIsForEver):
        attempt(entry)


def test_bulk_update_is_refused_by_the_database_or_the_model(entry):
    entry.actor = "mallory@example.org"
    with pytest.raises((EntryIsForEver, DatabaseError)), transaction.atomic():
        Entry.objects.bulk_update([entry], ["actor"])
    assert Entry.objects.get(pk=entry.pk).actor == "alice@example.org"
