"""The doorbell: asks any worker to look at the due rows now. Unheard, it costs one sweep and nothing else."""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction

log = logging.getLogger(__name__)

SWEEP = "portal.tasks.sweep"


def ring() -> None:
    """Ring once the running transaction has committed. Never raises: the row is already in the queue."""
    transaction.on_commit(_ring)


def _ring() -> None:
    try:
        current_app.send_task(SWEEP, ignore_result=True, retry=False, expires=60)
    except Exception as exc:
        log.warning("the doorbell could not be rung: %s", type(exc).__name__)
