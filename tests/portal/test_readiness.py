"""Readiness that means it: each part that fails is named, no reason leaves the house, and a lost doorbell is not unready."""

from __future__ import annotations

import base64
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections
from django.db.utils import ConnectionHandler
from django.utils import timezone

from accounts import mail as letters
from accounts.models import Letter
from certificates import keys, vault
from portal import env, readiness
from portal.models import SealedCheck
from sandbox.free_ports import free_port

pytestmark = pytest.mark.django_db

ALL_WELL = dict.fromkeys(("database", "migrations", "keys", "cache", "broker"), "ok")


def ring_of(**kids: bytes) -> str:
    return ",".join(f"{kid}:{base64.b64encode(key).decode()}" for kid, key in kids.items())


def ask(client):
    answer = client.get("/health/ready")
    return answer.status_code, answer.json()


def test_all_is_well(client):
    assert ask(client) == (200, ALL_WELL)
    assert ask(client) == (200, ALL_WELL)


def test_without_its_database_nothing_else_is_asked_of_it_and_no_reason_leaves_the_house(client):
    def refuse(execute, sql, params, many, context):
        raise DatabaseError("password=hunter2 host=db.internal")

    with connection.execute_wrapper(refuse):
        answer = client.get("/health/ready")
    assert answer.status_code == 503
    parts = answer.json()
    assert (parts["database"], parts["migrations"], parts["keys"]) == ("unavailable",) * 3
    assert b"hunter2" not in answer.content
    assert b"Traceback" not in answer.content


@pytest.fixture
def file(db, tmp_path) -> Iterator[Path]:
    """A SQLite file as the portal opens it, in the place of the tests' own database; it holds nothing."""
    path = tmp_path / "portal.sqlite3"
    own, handler = connections["default"], ConnectionHandler({"default": env.database(f"sqlite:///{path}")})
    connections["default"] = handler["default"]
    connection.ensure_connection()
    yield path
    connection.close()
    connections["default"] = own


def test_a_writer_that_keeps_the_sqlite_file_to_itself_makes_us_unready_in_two_seconds(client, file):
    readiness.database()
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        status, parts = ask(client)
        assert 1.5 < time.monotonic() - started < 18, "pages wait for twenty seconds"
        assert (status, parts["database"]) == (503, "unavailable")
        writer.rollback()
    readiness.database()


def test_a_sqlite_file_that_takes_no_writes_is_not_ready_and_a_good_one_stays_as_it_was(client, file):
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA user_version = 7")
        readiness.database()
        assert cursor.execute("PRAGMA user_version").fetchone() == (7,)
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (20_000,), "pages wait as long as before"
        cursor.execute("PRAGMA query_only = 1")
    assert ask(client)[1]["database"] == "unavailable"


def test_a_database_older_than_the_code_is_not_ready(client, monkeypatch):
    from django.db.migrations.recorder import MigrationRecorder

    monkeypatch.setattr(readiness, "_migrations_seen", False)
    MigrationRecorder.Migration.objects.filter(app="portal", name="0001_initial").delete()
    MigrationRecorder.Migration.objects.filter(app="portal").delete()
    status, parts = ask(client)
    assert (status, parts["migrations"]) == (503, "unavailable")


def test_applied_migrations_are_looked_up_once(client, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(readiness, "_migrations_seen", False)
    assert ask(client)[0] == 200
    with django_assert_max_num_queries(9):
        ask(client)


def test_the_same_key_opens_what_was_sealed_and_another_under_its_name_does_not(client, settings):
    first = secrets.token_bytes(32)
    settings.KEY_ENCRYPTION_KEYS = ring_of(k1=first)
    assert ask(client)[0] == 200
    settings.KEY_ENCRYPTION_KEYS = ring_of(k1=secrets.token_bytes(32))
    assert ask(client)[1]["keys"] == "unavailable"
    settings.KEY_ENCRYPTION_KEYS = ring_of(k1=first)
    assert ask(client)[0] == 200


def test_a_key_may_leave_the_ring_only_when_it_seals_nothing_any_more(client, settings, alice):
    first, second = secrets.token_bytes(32), secrets.token_bytes(32)
    settings.KEY_ENCRYPTION_KEYS = ring_of(k1=first)
    assert ask(client)[0] == 200
    row = vault.keep(keys.generate("ec-p256"), owner=alice, key_type="ec-p256", now=timezone.now())
    settings.KEY_ENCRYPTION_KEYS = ring_of(k2=second, k1=first)
    assert ask(client)[0] == 200
    settings.KEY_ENCRYPTION_KEYS = ring_of(k2=second)
    assert ask(client)[1]["keys"] == "unavailable"
    settings.KEY_ENCRYPTION_KEYS = ring_of(k2=second, k1=first)
    assert vault.rewrap_key(row)
    settings.KEY_ENCRYPTION_KEYS = ring_of(k2=second)
    assert ask(client)[0] == 200


@pytest.mark.parametrize("setting", ["", "k1", "k1:short", "k1:@@@@"])
def test_an_unusable_ring_is_not_ready_and_no_part_of_it_is_told(client, settings, setting):
    settings.KEY_ENCRYPTION_KEYS = setting
    status, parts = ask(client)
    assert (status, parts["keys"]) == (503, "unavailable")


def test_the_check_value_is_made_once(client):
    ask(client)
    sealed = bytes(SealedCheck.objects.get().sealed)
    ask(client)
    assert bytes(SealedCheck.objects.get().sealed) == sealed


def test_a_cache_that_is_away_is_not_ready(client, settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    assert ask(client) == (503, ALL_WELL | {"cache": "unavailable"})


def test_a_lost_doorbell_is_degraded_not_unready_and_costs_no_time(client, monkeypatch):
    from portal.celery import app

    before = app.conf.broker_url
    app.conf.broker_url = f"redis://127.0.0.1:{free_port()}/0"
    try:
        started = time.monotonic()
        assert ask(client) == (200, ALL_WELL | {"broker": "degraded"})
        assert time.monotonic() - started < 20
    finally:
        app.conf.broker_url = before


# --- does anybody work? -----------------------------------------------------------------------------


def letter(**columns) -> Letter:
    row = letters.post(
        to="a@example.org", kind="k", occasion=secrets.token_hex(4), subject="s", body="b", now=timezone.now()
    )
    Letter.objects.filter(pk=row.pk).update(**columns)
    return row


def ago(minutes: float):
    return timezone.now() - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("due", "lease", "well"),
    [
        (1, None, True),
        (-60, None, True),
        (6, None, False),
        (600, -1, True),  # somebody holds it
        (600, 1, True),  # somebody held it a minute ago
        (600, 6, False),  # whoever held it is gone, and nobody came after
    ],
)
def test_somebody_works_as_long_as_no_ready_row_lies_untouched(capsys, due, lease, well):
    letter(due_at=ago(due), lease_until=None if lease is None else ago(lease))
    if well:
        call_command("healthcheck", "--worker")
        assert capsys.readouterr().out == "ok\n"
    else:
        with pytest.raises(CommandError, match="nobody works: letters"):
            call_command("healthcheck", "--worker")
        call_command("healthcheck", "--worker", "--minutes", "10000")


def test_an_idle_house_is_well():
    call_command("healthcheck", "--worker")
    call_command("healthcheck")


def test_the_check_names_what_is_unavailable(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    with pytest.raises(CommandError, match="unavailable: cache"):
        call_command("healthcheck")


def test_the_check_of_workers_tells_no_secret_of_a_database_that_is_away():
    def refuse(execute, sql, params, many, context):
        raise DatabaseError("password=hunter2")

    with connection.execute_wrapper(refuse), pytest.raises(CommandError) as told:
        call_command("healthcheck", "--worker")
    assert "hunter2" not in str(told.value)
