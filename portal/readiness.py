"""Whether this process can serve: each part says ok, degraded (slower, nothing lost) or unavailable (keep visitors away)."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.core.cache import cache
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.migrations.executor import MigrationExecutor

from certificates import vault
from certificates.models import PrivateKey
from certificates.sealing import CannotUnseal, UnusableKeySetting, seal, unseal
from portal.models import SealedCheck

log = logging.getLogger(__name__)

OK, DEGRADED, UNAVAILABLE = "ok", "degraded", "unavailable"
# Milliseconds for the database to answer one question, seconds for the broker to take a connection.
DATABASE_PATIENCE, BROKER_PATIENCE = 2000, 1.0
CHECKED = b"this opens"

_migrations_seen = False


class NotThere(Exception):
    """A part does not do what it must; the message is for the log."""


def parts() -> dict[str, str]:
    """Ask every part, in a time that is bounded whatever they do. Without its database nothing else is asked of it."""
    found = {"database": _asked("database", database)}
    with_database = found["database"] == OK
    for name, check in (("migrations", migrations), ("keys", keys)):
        found[name] = _asked(name, check) if with_database else UNAVAILABLE
    found["cache"] = _asked("cache", cache_answers)
    # The database row is the queue. Without its doorbell work is found by the next sweep.
    found["broker"] = OK if _asked("broker", broker) == OK else DEGRADED
    return found


def _asked(name: str, check: Callable[[], None]) -> str:
    try:
        check()
    except Exception:  # every driver, broker and cache raises its own kind
        log.exception("not ready: %s", name)
        return UNAVAILABLE
    return OK


def database() -> None:
    """Raises DatabaseError or NotThere: it does not answer in time, or takes no writes (a standby, a full disk's lock)."""
    if connection.vendor == "postgresql":
        _postgres_takes_writes()
    else:
        _sqlite_takes_writes()


def _postgres_takes_writes() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {DATABASE_PATIENCE}")
        cursor.execute("SELECT current_setting('transaction_read_only')")
        if cursor.fetchone() != ("off",):
            raise NotThere("the database takes no writes")


def _sqlite_takes_writes() -> None:
    """A write that says what was there before and is taken back: the lock is held for a moment, and nothing reaches the disk."""
    with connection.cursor() as cursor:
        patience = _number(cursor, "busy_timeout")
        cursor.execute(f"PRAGMA busy_timeout = {DATABASE_PATIENCE}")
        try:
            with transaction.atomic():
                # BEGIN IMMEDIATE alone would do for the lock, but is granted on a file that can only be read.
                cursor.execute(f"PRAGMA user_version = {_number(cursor, 'user_version')}")
                transaction.set_rollback(True)
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {patience}")


def _number(cursor: CursorWrapper, pragma: str) -> int:
    return int(cursor.execute(f"PRAGMA {pragma}").fetchone()[0])


def migrations() -> None:
    """Raises NotThere while the database is older than this code. Looked up until it was so once: code does not change in a process."""
    global _migrations_seen
    if _migrations_seen:
        return
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        raise NotThere(f"{len(waiting)} migrations are not applied")
    _migrations_seen = True


def keys() -> None:
    """Raises NotThere when the key-encryption keys here are not those that sealed what the database holds.

    Each newest key seals a check value once. A check that does not open is no fault only if its key is no longer in the ring
    and seals nothing any more (docs/operating.md, Keys).
    """
    try:
        ring = vault.ring()
    except UnusableKeySetting as fault:
        raise NotThere("KEY_ENCRYPTION_KEYS is not usable") from fault
    checks = {check.kid: bytes(check.sealed) for check in SealedCheck.objects.all()}
    if ring.newest not in checks:
        sealed = seal(CHECKED, context=_context(ring.newest), ring=ring)
        # Two processes may begin at once; the first one's value stays.
        SealedCheck.objects.bulk_create([SealedCheck(kid=ring.newest, sealed=sealed)], ignore_conflicts=True)
    for kid, sealed in checks.items():
        if not _opens(kid, sealed) and (kid == ring.newest or PrivateKey.objects.filter(kid=kid).exists()):
            raise NotThere(f"the key-encryption key {kid} is missing or another one")


def _context(kid: str) -> tuple[str, ...]:
    return ("sealed_check", kid, "-", "readiness")


def _opens(kid: str, sealed: bytes) -> bool:
    try:
        return unseal(sealed, context=_context(kid), ring=vault.ring()) == CHECKED
    except CannotUnseal:
        return False


def cache_answers() -> None:
    """Raises whatever the backend raises, or NotThere. Rate limits of sign-in rest on the cache: without it nobody signs in."""
    cache.set("health", "ok", 10)
    if cache.get("health") != "ok":
        raise NotThere("the cache forgets")


def broker() -> None:
    """Raises whatever the broker's driver raises."""
    from portal.celery import app

    options = {**app.conf.broker_transport_options}
    if app.conf.broker_url.startswith("redis"):
        options |= {"socket_connect_timeout": BROKER_PATIENCE, "socket_timeout": BROKER_PATIENCE}
    with app.connection_for_write(transport_options=options, connect_timeout=BROKER_PATIENCE) as door:
        door.ensure_connection(max_retries=1, timeout=BROKER_PATIENCE, interval_start=0, interval_step=0)
