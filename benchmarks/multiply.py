"""Multiplies one customer's issued certificate to a million, in SQL: every row that the walk leaves behind, for each.

PostgreSQL only. The template is a certificate that was really issued; keys and unique columns are derived from its
number, foreign keys follow, and everything else is copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PER_CUSTOMER = 100
FIRST = 10_000_000


def _uuid(kind: str, number: str = "g") -> str:
    return f"md5('{kind}' || {number})::uuid"


def _columns(kind: str) -> dict[str, str]:
    """Return what differs from the template, by column."""
    serial, owner, name = f"{FIRST} + g", _uuid("owner", f"(g / {PER_CUSTOMER})"), "'site' || g || '.example'"
    return {
        "accounts_user": {"id": _uuid("owner"), "email": "'person' || g || '@many.example'"},
        "orders_order": {"id": _uuid("order"), "owner_id": owner, "number": f"{FIRST} + g"},
        "orders_orderitem": {"id": serial, "order_id": _uuid("order")},
        "orders_ordername": {"id": serial, "item_id": serial, "ascii": name},
        "orders_plan": {"id": _uuid("plan"), "item_id": serial, "owner_id": owner},
        "certificates_activation": {"id": serial, "plan_id": _uuid("plan")},
        "certificates_activationname": {"id": serial, "activation_id": serial, "ascii": name},
        "certificates_issuance": {"id": _uuid("issuance"), "plan_id": _uuid("plan"), "key_id": "NULL"},
        "certificates_acmeorder": {
            "id": serial, "issuance_id": _uuid("issuance"), "url": "'https://ca.example/' || g",
        },
        "certificates_certificate": {
            "id": _uuid("certificate"), "issuance_id": _uuid("issuance"), "plan_id": _uuid("plan"),
            "owner_id": owner, "serial": "'b' || g", "fingerprint": "md5('f' || g) || md5('p' || g)",
            "issued_at": "t.issued_at - g * interval '1 second'",
        },
    }[kind]  # fmt: skip


TABLES = (
    "accounts_user", "orders_order", "orders_orderitem", "orders_ordername", "orders_plan",
    "certificates_activation", "certificates_activationname", "certificates_issuance", "certificates_acmeorder",
    "certificates_certificate",
)  # fmt: skip


def multiply(certificate: Any, start: int, end: int) -> None:
    """Add the certificates number `start` to `end` - 1 like this one, 100 a customer, and tell the planner."""
    from django.db import connection

    keys = _template(certificate)
    with connection.cursor() as cursor:
        _make_room(cursor)
        # Keys and checks hold by construction; a million rows of triggers would only take time.
        cursor.execute("SET session_replication_role = replica")
        for table in TABLES:
            with _without_indexes(cursor, table):
                _copy(cursor, table, keys[table], start, end)
        cursor.execute("SET session_replication_role = DEFAULT")
        # What a bulk load leaves to the background would otherwise be done while we measure.
        cursor.execute(f"VACUUM ANALYZE {', '.join(TABLES)}")
        cursor.execute("CHECKPOINT")


def _make_room(cursor: Any) -> None:
    """A server's own settings have it write everything out again and again during a load of this size."""
    cursor.execute("ALTER SYSTEM SET max_wal_size = '16GB'")
    cursor.execute("SELECT pg_reload_conf()")
    cursor.execute("SET synchronous_commit = off")
    cursor.execute("SET maintenance_work_mem = '256MB'")


@contextmanager
def _without_indexes(cursor: Any, table: str) -> Iterator[None]:
    """Take down the indexes on which no key rests, and build them again at once from what is there then."""
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = %s::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)",
        [table],
    )
    indexes = cursor.fetchall()
    for name, _definition in indexes:
        cursor.execute(f"DROP INDEX {name}")
    yield
    for _name, definition in indexes:
        cursor.execute(definition)


def _copy(cursor: Any, table: str, key: Any, start: int, end: int) -> None:
    cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
    columns = [row[0] for row in cursor.fetchall()]
    other = _columns(table)
    values = ", ".join(other.get(column, f't."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    first, last = start, end - 1
    if table == "accounts_user":
        first, last = -(-start // PER_CUSTOMER), last // PER_CUSTOMER
    cursor.execute(
        f'INSERT INTO {table} ({names}) SELECT {values} FROM {table} t, generate_series(%s::int, %s::int) g WHERE t."id" = %s',
        [first, last, key],
    )


def _template(certificate: Any) -> dict[str, Any]:
    plan, issuance = certificate.plan, certificate.issuance
    item = plan.item
    return {
        "accounts_user": plan.owner_id,
        "orders_order": item.order_id,
        "orders_orderitem": item.pk,
        "orders_ordername": item.names.get().pk,
        "orders_plan": plan.pk,
        "certificates_activation": plan.activation.pk,
        "certificates_activationname": plan.activation.names.get().pk,
        "certificates_issuance": issuance.pk,
        "certificates_acmeorder": issuance.acme_orders.get().pk,
        "certificates_certificate": certificate.pk,
    }
