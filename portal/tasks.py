"""Celery's doors: each rings once and lets the sweep look what is due."""

from __future__ import annotations

from celery import Task, shared_task
from celery.worker.request import Request
from django.utils import timezone

from portal import sweeper, sweeping


class Heard(Request):
    """A ring that is over once it was heard. The broker keeps no account of it (the queue says so), so there is none to close.

    Celery would all the same: two commands to Redis for each ring, which took longer than hearing it.
    """

    def acknowledge(self) -> None:
        self.acknowledged = True


class Doorbell(Task):
    Request = "portal.tasks:Heard"


@shared_task(base=Doorbell)
def sweep() -> None:
    """Do everything that is due now: wake the sweepers of this worker, or sweep where there are none."""
    if not sweeper.ring_here():
        sweeping.sweep()


@shared_task(base=Doorbell)
def daily() -> None:
    """Tidy up what time alone has made ripe."""
    sweeping.tidy(timezone.now())
