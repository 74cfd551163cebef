"""The chain tells any entry that was changed, removed, slipped in, moved or cut off."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import chain as chain_module
from audit.chain import SETTLING, ChainBroken, next_hash, seal, verify
from audit.models import Entry, Link
from audit.record import record
from audit.vocabulary import Action

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain(alice, now):
    """Twenty sealed entries; returns their keys and the head of the chain as an operator would have noted it."""
    keys = [
        record(Action.SIGNED_IN, alice, now=now + timedelta(seconds=n), by=alice, turn=n).pk
        for n in range(20)
    ]
    assert seal(now + timedelta(minutes=5)) == 20
    return keys, Link.objects.latest("position").hash


@pytest.fixture
def intruder(db):
    """Somebody who owns the database: lifts the triggers and writes what the application cannot."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER audit_entry_no_update")
            cursor.execute("DROP TRIGGER audit_entry_no_delete")
        else:
            cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER USER")

        def run(sql: str, *values: object) -> None:
            cursor.execute(sql, values)

        yield run
        if connection.vendor != "sqlite":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE audit_entry ENABLE TRIGGER USER")


def test_an_untouched_chain_is_whole(chain):
    _keys, head = chain
    assert verify() == 20
    assert verify(head) == 20


def test_entries_wait_until_their_neighbours_have_settled(alice, now):
    record(Action.SIGNED_IN, alice, now=now, by=alice)
    assert seal(now + SETTLING) == 0
    assert seal(now + SETTLING + timedelta(seconds=1)) == 1


def test_sealing_goes_on_where_it_stopped(chain, alice, now):
    record(Action.SIGNED_IN, alice, now=now + timedelta(minutes=6), by=alice)
    assert seal(now + timedelta(minutes=10)) == 1
    assert seal(now + timedelta(minutes=10)) == 0
    assert verify(chain[1]) == 21


def test_an_entry_that_committed_late_is_sealed_behind_those_that_overtook_it(alice, now):
    def recorded(moment):
        return record(Action.SIGNED_IN, alice, now=moment, by=alice)

    late, quick = recorded(now), recorded(now)
    # As it was while the first was not committed yet: only the second could be seen.
    Link.objects.create(entry=quick, position=1, hash=next_hash(chain_module.GENESIS, quick))
    assert seal(now + timedelta(minutes=5)) == 1
    assert [link.entry_id for link in Link.objects.order_by("position")] == [quick.pk, late.pk]
    assert verify() == 2


def test_what_was_sealed_long_ago_is_not_looked_through_again(alice, now):
    for n in range(30):
        record(Action.SIGNED_IN, alice, now=now + timedelta(seconds=n), by=alice)
    while seal(now + timedelta(minutes=5), limit=10):
        pass
    record(Action.SIGNED_IN, alice, now=now + timedelta(minutes=6), by=alice)
    with CaptureQueriesContext(connection) as asked:
        assert seal(now + timedelta(minutes=10)) == 1
    looks = [query["sql"] for query in asked if "audit_entry" in query["sql"] and "JOIN" in query["sql"]]
    assert looks == [], "no search for entries without a link"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "mallory@example.org"),
        ("action", "key:downloaded"),
        ("address", "203.0.113.9"),
        ("object_id", "somebody else"),
        ("at", "2026-11-23 11:00:00"),
        ("details", '{"turn": 99}'),
        ("actor_id", None),
    ],
)
def test_a_changed_entry_is_found(chain, intruder, column, value):
    intruder(f"UPDATE audit_entry SET {column} = %s WHERE id = %s", value, chain[0][7])
    with pytest.raises(ChainBroken, match=str(chain[0][7])):
        verify()


def test_a_changed_entry_with_a_recomputed_link_breaks_at_the_next_one(chain, intruder):
    intruder("UPDATE audit_entry SET actor = %s WHERE id = %s", "mallory@example.org", chain[0][7])
    before = Link.objects.get(position=7).hash
    Link.objects.filter(position=8).update(hash=next_hash(before, Entry.objects.get(pk=chain[0][7])))
    with pytest.raises(ChainBroken, match=str(chain[0][8])):
        verify()


@pytest.mark.parametrize("position", [1, 10])
def test_a_removed_entry_is_found(chain, intruder, position):
    Link.objects.filter(position=position).delete()
    intruder("DELETE FROM audit_entry WHERE id = %s", chain[0][position - 1])
    with pytest.raises(ChainBroken, match="missing"):
        verify()


def test_a_removed_entry_is_found_even_when_the_links_close_ranks(chain, intruder):
    Link.objects.filter(position=10).delete()
    intruder("DELETE FROM audit_entry WHERE id = %s", chain[0][9])
    for link in Link.objects.filter(position__gt=10).order_by("position"):
        Link.objects.filter(pk=link.pk).update(position=link.position - 1)
    with pytest.raises(ChainBroken):
        verify()


def test_an_entry_slipped_in_between_is_found(chain, alice, now):
    entry = record(Action.SIGNED_IN, alice, now=now + timedelta(seconds=5), by=alice)
    for link in Link.objects.filter(position__gt=5).order_by("-position"):
        Link.objects.filter(pk=link.pk).update(position=link.position + 1)
    Link.objects.create(entry=entry, position=6, hash="0" * 64)
    with pytest.raises(ChainBroken, match=str(entry.pk)):
        verify()


def test_two_entries_that_changed_places_are_found(chain):
    first, second = Link.objects.get(position=4), Link.objects.get(position=5)
    Link.objects.filter(pk=first.pk).update(position=1000)
    Link.objects.filter(pk=second.pk).update(position=4)
    Link.objects.filter(pk=first.pk).update(position=5)
    with pytest.raises(ChainBroken):
        verify()


def test_an_old_entry_put_before_the_others_is_found(chain, alice, now):
    first = Entry.objects.get(pk=chain[0][0])
    forged = {"at": now - timedelta(days=2), "action": "user:signed_in", "actor": alice.email}
    Entry.objects.bulk_create([Entry(pk=first.pk - 1_000_000, object_kind="user", object_id="1", **forged)])
    assert seal(now + timedelta(minutes=6)) == 0
    with pytest.raises(ChainBroken, match="put among"):
        verify()


def test_a_cut_off_end_is_found_by_the_noted_head(chain, intruder):
    keys, head = chain
    Link.objects.filter(position__gt=15).delete()
    intruder("DELETE FROM audit_entry WHERE id > %s", keys[14])
    assert verify() == 15, "the chain alone cannot tell: that is what the noted head is for"
    with pytest.raises(ChainBroken, match="cut off"):
        verify(head)


def test_an_emptied_memory_is_found_by_the_noted_head(chain, intruder):
    Link.objects.all().delete()
    intruder("DELETE FROM audit_entry")
    with pytest.raises(ChainBroken, match="cut off"):
        verify(chain[1])


def test_a_second_sealer_at_the_same_time_gives_way(alice, now, monkeypatch):
    record(Action.SIGNED_IN, alice, now=now, by=alice)
    real = chain_module.next_hash

    def while_the_other_is_quicker(previous, entry):
        monkeypatch.setattr(chain_module, "next_hash", real)
        assert seal(now + timedelta(minutes=5)) == 1
        return real(previous, entry)

    monkeypatch.setattr(chain_module, "next_hash", while_the_other_is_quicker)
    assert seal(now + timedelta(minutes=5)) == 0
    assert verify() == 1


def test_ten_thousand_entries_are_walked_in_half_a_second_or_little_more(alice, now):
    """Target: 20,000 rows a second on a quiet machine; the bound leaves room for a busy one."""
    Entry.objects.bulk_create(
        Entry(at=now, action=Action.SIGNED_IN, actor=alice.email, object_kind="user", object_id=str(n))
        for n in range(10_000)
    )
    while seal(now + timedelta(minutes=5), limit=5_000):
        pass
    started = time.process_time()
    assert verify() == 10_000
    assert time.process_time() - started < 5
