"""Celery's doors: each rings once and lets the sweep look what is due."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from portal import sweeping


@shared_task
def sweep() -> None:
    """Do everything that is due now."""
    sweeping.sweep()


@shared_task
def daily() -> None:
    """Tidy up what time alone has made ripe."""
    sweeping.tidy(timezone.now())
