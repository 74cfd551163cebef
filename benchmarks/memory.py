"""8. Memory: a worker after many certificates beside what our imports alone take, and the whole stack together."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from benchmarks import cost, issuing
from benchmarks.line import Line
from benchmarks.scale import Scale
from benchmarks.stage import Stage, stage
from runner.installation import ROOT

TIMES_AT_MOST = 1.8
GROWTH_AT_MOST = 5.0
TOGETHER_AT_MOST = 700.0
GOAL = 10_000
BATCH = 250
SECONDS = 90.0

# What the worker is made of, imported and nothing else done. Celery imports its parts when they are asked for.
_FLOOR = """
import json
import django
from django.conf import settings
rooms = ["admin", "auth", "contenttypes", "sessions", "messages", "staticfiles"]
settings.configure(
    INSTALLED_APPS=[f"django.contrib.{room}" for room in rooms],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "nowhere"}},
)
django.setup()
import cryptography.x509, cryptography.hazmat.primitives.asymmetric.rsa
import acme.client, dns.resolver, stripe, psycopg, requests
from celery import Celery
print(json.dumps([l.split()[1] for l in open("/proc/self/status") if l.startswith("VmRSS")]))
"""


def measure(scale: Scale) -> Line:
    with stage() as here:
        floor = _floor(here)
        here.start_workers()
        beat = here.start_beat()
        web = here.start_web()[0]
        issuing.warm_up(here)
        seen = _run(here, scale)
        together = cost.memory([*here.worker_pids, beat, web])
    worker = seen[-1][1]
    growth, says = _growth(seen)
    fine = worker <= floor * TIMES_AT_MOST and growth <= GROWTH_AT_MOST and together[0] <= TOGETHER_AT_MOST
    return Line(
        "memory",
        f"worker {worker:.0f} MB RSS, all {together[0]:.0f} MB PSS ({together[1]:.0f} MB RSS)",
        f"imports alone {floor:.0f} MB RSS",
        f"{worker / floor:.2f}",
        f"<= {TIMES_AT_MOST}, growth <= {GROWTH_AT_MOST:.0f} MB, all <= {TOGETHER_AT_MOST:.0f} MB",
        fine,
        f"growth {growth:+.1f} MB",
        [says, "all: two web processes with their master, two workers, beat"],
    )


def _floor(here: Stage) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _FLOOR], env=here.env, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(json.loads(done.stdout)[0]) / 1024


def _run(here: Stage, scale: Scale) -> list[tuple[int, float]]:
    """Return (certificates issued, RSS of one worker in MB) after every batch; both workers share the work."""
    seen: list[tuple[int, float]] = []
    done, batch = 0, min(BATCH, max(2, scale.certificates // 8))
    end = time.monotonic() + SECONDS
    while done < scale.certificates and (time.monotonic() < end or len(seen) < 4):
        issuing.issue(here, batch)
        done += batch
        each = [cost.memory([pid])[1] for pid in here.worker_pids]
        seen.append((done, max(each)))
    return seen


def _growth(seen: list[tuple[int, float]]) -> tuple[float, str]:
    """Return the growth in MB over GOAL certificates: measured, or extrapolated by least squares over the second half."""
    done = seen[-1][0]
    # The first batches fill pools and caches, once.
    late = seen[len(seen) // 2 :]
    middle, height = sum(x for x, _ in late) / len(late), sum(y for _, y in late) / len(late)
    square = sum((x - middle) ** 2 for x, _ in late) or 1.0
    slope = sum((x - middle) * (y - height) for x, y in late) / square
    first, last = seen[0][1], seen[-1][1]
    if done >= GOAL:
        return last - first, f"after {done} certificates; {first:.1f} MB after the first {seen[0][0]}"
    return (
        slope * GOAL,
        f"extrapolated to {GOAL} certificates from the slope of the second half of {done}: {slope * 1000:+.2f} MB per 1,000; "
        f"measured {last - first:+.1f} MB from certificate {seen[0][0]} to {done}",
    )
