"""How long each page takes with many certificates in the database, beside the bare health page in the same run."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import requests

from runner.installation import ROOT, Installation

ROUNDS = 5
EACH = 8
LIMIT_MS = 100.0


def pages(seen: dict[str, str]) -> list[tuple[str, str, str]]:
    """Return (who, title, path)."""
    plan, certificate, order = seen["plan"], seen["certificate"], seen["order"]
    return [
        ("anonymous", "health (the peer)", "/health/live"),
        ("anonymous", "home", "/"),
        ("anonymous", "products", "/products/"),
        ("anonymous", "order page", "/products/dv/order/"),
        ("anonymous", "guide", "/guides/install-nginx/"),
        ("anonymous", "sign in", "/accounts/login/"),
        ("customer", "my certificates", "/certificates/"),
        ("customer", "my certificates, page 4", "/certificates/?page=4"),
        ("customer", "my certificates, search", "/certificates/?q=site7"),
        ("customer", "SSL overview", f"/certificates/{plan}/"),
        ("customer", "download page", f"/certificates/issued/{certificate}/download/fullchain/"),
        ("customer", "my orders", "/orders/"),
        ("customer", "an order", f"/orders/{order}/"),
        ("customer", "wizard step 1", f"/certificates/{plan}/activation/csr/"),
        ("staff", "staff home", "/staff/"),
        ("staff", "a plan's story", f"/staff/plans/{plan}/"),
        ("staff", "admin: certificates", "/admin/certificates/certificate/"),
        ("staff", "admin: orders", "/admin/orders/order/"),
        ("staff", "admin: plans", "/admin/orders/plan/"),
        ("staff", "admin: issuances", "/admin/certificates/issuance/"),
    ]


def measure(count: int) -> list[tuple[str, str, float, float]]:
    """Return (who, title, median ms, worst ms) for each page; rounds go over all pages in turn."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="chancery-bench-"))
        installation = stack.enter_context(Installation(Path(folder), free_ports=True))
        words = [sys.executable, "-m", "benchmarks.fill", str(count)]
        done = subprocess.run(
            words, env=installation.env, cwd=ROOT, capture_output=True, text=True, check=True
        )
        return _rounds(installation.portal_url, json.loads(done.stdout.splitlines()[-1]))


def _rounds(base: str, seen: dict[str, str]) -> list[tuple[str, str, float, float]]:
    sessions = {"anonymous": requests.Session()}
    for who in ("customer", "staff"):
        sessions[who] = requests.Session()
        sessions[who].cookies.set(seen["cookie"], seen[who])
    times: dict[str, list[float]] = {}
    for number in range(ROUNDS + 1):
        for who, title, path in pages(seen):
            for _each in range(EACH):
                started = time.perf_counter()
                answer = sessions[who].get(base + path, timeout=30, allow_redirects=False)
                taken = (time.perf_counter() - started) * 1000
                if answer.status_code != 200:
                    raise SystemExit(f"{path} answered {answer.status_code}")
                if number:  # the first round warms up templates and connections
                    times.setdefault(f"{who}|{title}", []).append(taken)
    rows = []
    for name, taken_list in times.items():
        who, title = name.split("|")
        rows.append((who, title, statistics.median(taken_list), max(taken_list)))
    return rows


def main(count: int = 10_000) -> int:
    rows = measure(count)
    peer = rows[0][2]
    print(f"{count} certificates, embedded default, {ROUNDS} rounds of {EACH}\n")
    print(f"{'who':<10} {'page':<28} {'median ms':>10} {'worst ms':>10} {'x health':>9}")
    for who, title, median, worst in rows:
        print(f"{who:<10} {title:<28} {median:>10.1f} {worst:>10.1f} {median / peer:>9.1f}")
    slow = [title for _who, title, median, _worst in rows if median > LIMIT_MS]
    print(f"\nLimit {LIMIT_MS:.0f} ms: " + (f"missed by {', '.join(slow)}" if slow else "held by every page"))
    return 1 if slow else 0
