"""Celery's doors: each rings once and lets the sweep look what is due."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from portal import sweeper, sweeping


@shared_task
def sweep() -> None:
    """Do everything that is due now: wake the sweepers of this worker, or sweep where there are none."""
    if not sweeper.ring_here():
        sweeping.sweep()


@shared_task
def daily() -> None:
    """Tidy up what time alone has made ripe."""
    sweeping.tidy(timezone.now())
