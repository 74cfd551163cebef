"""The Celery application with leases of a few seconds: `celery -A tests.chaos.hasty worker`.

Each time it has worked a row or sent a message it touches the file CHAOS_SIGN.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from celery import signals  # noqa: E402

import leases  # noqa: E402
from portal import sweeping  # noqa: E402
from portal.celery import app  # noqa: E402

SIGN = Path(os.environ["CHAOS_SIGN"]) if "CHAOS_SIGN" in os.environ else None


def shorten_leases(seconds: float) -> None:
    """A dead worker's row is free again in seconds, not in a minute and a half: in every module that knows the figure."""
    long = leases.LEASE
    for module in list(sys.modules.values()):
        if getattr(module, "LEASE", None) is long:
            vars(module)["LEASE"] = timedelta(seconds=seconds)


def give_a_sign(*_ignored: Any, **_facts: Any) -> None:
    if SIGN is not None:
        SIGN.touch()


def _work_and_give_a_sign() -> None:
    work_at = sweeping.work_at

    def work(name: str, row: Any) -> None:
        work_at(name, row)
        give_a_sign()

    sweeping.work_at = work


shorten_leases(float(os.environ.get("CHAOS_LEASE_SECONDS", "10")))
_work_and_give_a_sign()
signals.after_task_publish.connect(give_a_sign, weak=False)

__all__ = ["app"]
