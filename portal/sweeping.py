"""Looks for due rows of every kind and hands each to its process. Any number of sweeps may run at once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import close_old_connections
from django.utils import timezone

from accounts.mail import deliver
from accounts.models import Letter
from leases import LeaseLost

log = logging.getLogger(__name__)

QUEUES: dict[str, tuple[Any, Callable[[Any, datetime], None]]] = {
    "letters": (Letter.objects, deliver),
}


def sweep(limit: int = 200) -> int:
    """Work until nothing is due or `limit` steps are done; return how many steps were taken."""
    close_old_connections()
    done = 0
    busy = True
    while busy and done < limit:
        busy = False
        # One row of each kind in turn: a hundred due letters cannot hold up a paid order.
        for name in QUEUES:
            if work_one(name):
                busy = True
                done += 1
    close_old_connections()
    return done


def work_one(name: str) -> bool:
    """Claim and work one due row of this queue; False when there was none."""
    rows, work = QUEUES[name]
    row = rows.claim_next(timezone.now())
    if row is None:
        return False
    try:
        work(row, timezone.now())
    except LeaseLost:
        log.info("%s %s went to another worker", name, row.pk)
    except Exception:
        # The lease lapses by itself and the row is tried again; nothing else waits for it meanwhile.
        log.exception("%s %s failed", name, row.pk)
    return True


def tidy(now: datetime) -> None:
    """Seal what memory has gained."""
    from audit.chain import seal

    while seal(now):
        pass
