"""5. Finding and claiming 100 due rows among a thousand and among a million, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.line import Line, median, spread_of
from benchmarks.scale import Scale
from runner.installation import ROOT
from tests.servers import running_postgres

FEW = 1_000
DUE = 100
GROWTH_AT_MOST = 1.5
FASTER_AT_LEAST = 100
ATTEMPTS = 1_000  # finished tries per issuance: a million rows need no million plans


def measure(scale: Scale) -> Line:
    with tempfile.TemporaryDirectory(prefix="chancery-bench-", dir="/tmp") as name:
        folder = Path(name)
        found = {"SQLite": _in_a_process(scale, folder / "sqlite", {})}
        with running_postgres(folder / "postgres") as database:
            found["PostgreSQL"] = _in_a_process(scale, folder / "pg", {"DATABASE_URL": database})
    growth = {title: one["many"] / one["few"] for title, one in found.items()}
    faster = {title: one["full_scan"] / one["scan"] for title, one in found.items()}
    return Line(
        "duescan",
        ", ".join(f"{title} {one['many']:.0f} ms, the scan {one['scan']:.2f} ms" for title, one in found.items()),
        ", ".join(
            f"{title} at {FEW} rows {one['few']:.0f} ms, full scan {one['full_scan']:.0f} ms" for title, one in found.items()
        ),
        ", ".join(f"{title} x {growth[title]:.2f}, {faster[title]:.0f} x faster" for title in found),
        f"growth <= {GROWTH_AT_MOST}, >= {FASTER_AT_LEAST} x faster than a full scan",
        max(growth.values()) <= GROWTH_AT_MOST and min(faster.values()) >= FASTER_AT_LEAST,
        ", ".join(f"{title} {one['spread']}" for title, one in found.items()) + " ms",
        [f"{scale.rows} rows; claimed one by one, {DUE} in a row, as a sweep does"],
    )  # fmt: skip


def _in_a_process(scale: Scale, folder: Path, extra: dict[str, str]) -> dict[str, Any]:
    """Each database needs settings, and so a process, of its own."""
    env = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    env |= {"VAR_DIR": str(folder), "PORTAL_ENV": "sandbox", **extra}
    words = [str(scale.rows), str(max(3, scale.rounds))]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.duescan", *words],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def _measure_here(rows: int, rounds: int) -> dict[str, Any]:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("seed_sandbox", verbosity=0)
    _issuances(rows // ATTEMPTS + 1)
    _orders(0, FEW)
    _due_ones()
    few = [_claim_all() for _round in range(rounds + 1)][1:]
    _orders(FEW, rows)
    many = [_claim_all() for _round in range(rounds + 1)][1:]
    return {
        "few": median(few),
        "many": median(many),
        "spread": spread_of(many, 0),
        "scan": _scan(indexed=True),
        "full_scan": _scan(indexed=False),
    }


def _issuances(count: int) -> None:
    from django.utils import timezone

    from benchmarks import paid
    from certificates.models import Issuance

    plans = paid.plans(count + DUE)
    Issuance.objects.bulk_create(
        Issuance(plan=plan, names=[], key_type="ec-p256", created_at=timezone.now()) for plan in plans
    )


def _orders(start: int, end: int) -> None:
    """Add finished orders: a queue's table is mostly what was done long ago."""
    from django.db import connection

    from certificates.models import AcmeOrder, CaAccount, Issuance

    issuances = list(Issuance.objects.order_by("pk")[DUE:])
    template = AcmeOrder(
        issuance=issuances[0], account=CaAccount.objects.get(), attempt=30_000 + (start > 0), status="valid",
        waiting_for="", created_at=issuances[0].created_at, ended_at=issuances[0].created_at,
    )  # fmt: skip
    template.save()
    columns = [field.column for field in AcmeOrder._meta.concrete_fields if field.column != "id"]
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS bench_issuance (n integer PRIMARY KEY, id char(36))"
        )
        cursor.execute("DELETE FROM bench_issuance")
        stored = [
            (n, row.pk.hex if connection.vendor == "sqlite" else str(row.pk))
            for n, row in enumerate(issuances)
        ]
        cursor.executemany("INSERT INTO bench_issuance VALUES (%s, %s)", stored)
        cast = "b.id" if connection.vendor == "sqlite" else "b.id::uuid"
        other = {
            "issuance_id": cast,
            "attempt": f"1 + g.n %% {ATTEMPTS}",
            "url": "'https://ca.example/' || g.n",
        }
        values = ", ".join(other.get(str(column), f't."{column}"') for column in columns)
        names = ", ".join(f'"{column}"' for column in columns)
        series = (
            f"(WITH RECURSIVE c(n) AS (SELECT {start} UNION ALL SELECT n + 1 FROM c WHERE n < {end - 1}) SELECT n FROM c)"
            if connection.vendor == "sqlite"
            else f"(SELECT generate_series({start}, {end - 1}) AS n)"
        )
        cursor.execute(
            f"INSERT INTO certificates_acmeorder ({names}) SELECT {values} FROM {series} g"
            f" JOIN bench_issuance b ON b.n = g.n / {ATTEMPTS} JOIN certificates_acmeorder t ON t.id = %s",
            [template.pk],
        )
        # What a bulk load leaves to the background would otherwise be done while we measure.
        settle = ("VACUUM ANALYZE", "CHECKPOINT") if connection.vendor == "postgresql" else ("ANALYZE",)
        for sentence in settle:
            cursor.execute(sentence)


def _due_ones() -> None:
    from django.utils import timezone

    from certificates.models import AcmeOrder, CaAccount, Issuance

    account, now = CaAccount.objects.get(), timezone.now()
    AcmeOrder.objects.bulk_create(
        AcmeOrder(
            issuance=issuance,
            owner_id=issuance.plan.owner_id,
            account=account,
            attempt=31_000,
            created_at=now,
            due_at=now - timedelta(seconds=n),
        )
        for n, issuance in enumerate(Issuance.objects.select_related("plan").order_by("pk")[:DUE])
    )


def _claim_all() -> float:
    """Return the milliseconds in which all due rows were found and claimed, as a sweep does it."""
    from django.utils import timezone

    from certificates.models import AcmeOrder

    rows, claimed, started = AcmeOrder.objects, 0, time.perf_counter()
    while keys := rows.waiting_keys(timezone.now()):
        for key in keys:
            claimed += rows.claim_listed(*key, timezone.now()) is not None
    taken = (time.perf_counter() - started) * 1000
    if claimed != DUE:
        raise RuntimeError(f"{claimed} of {DUE} rows were claimed")
    AcmeOrder.objects.filter(due_at__isnull=False).update(lease_until=None)
    return taken


def _scan(*, indexed: bool) -> float:
    """Return the milliseconds of the due scan; without the index it reads every row."""
    from django.db import connection
    from django.utils import timezone

    now = timezone.now()
    at = connection.ops.adapt_datetimefield_value(now)
    # No index serves it, and nothing in it says that only rows of the partial index are meant.
    due = "due_at" if indexed else "COALESCE(due_at, '9999-12-31')"
    sql = (
        f"SELECT id FROM certificates_acmeorder WHERE {due} <= %s AND {due} IS NOT NULL"
        f" AND (lease_until IS NULL OR lease_until < %s) ORDER BY {due} LIMIT {DUE}"
    )
    taken = []
    with connection.cursor() as cursor:
        for _time in range(25 if indexed else 3):
            started = time.perf_counter()
            cursor.execute(sql, [at, at])
            cursor.fetchall()
            taken.append((time.perf_counter() - started) * 1000)
    return median(taken)


if __name__ == "__main__":
    print(json.dumps(_measure_here(int(sys.argv[1]), int(sys.argv[2]))))
