"""Every worker sweeps by itself when idle, so that a lost message costs one sweep and nothing else."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

log = logging.getLogger(__name__)

SHORTEST_REST = 0.02
TIDY_SECONDS = 600.0


class Bell:
    """Ends the rest of every sweeper of this process, also of one that is just about to lie down."""

    def __init__(self, sleepers: int) -> None:
        self._heard = threading.Condition()
        self._sleepers = sleepers
        self._rung = 0

    def ring(self) -> None:
        with self._heard:
            self._rung = self._sleepers
            self._heard.notify_all()

    def wait(self, seconds: float) -> None:
        with self._heard:
            if self._rung or self._heard.wait(seconds):
                self._rung = max(0, self._rung - 1)


_here: tuple[int, Bell] | None = None


def ring_here() -> bool:
    """Wake the sweepers of this very process; False where it has none, as in a child of a prefork worker."""
    here = _here
    if here is None or here[0] != os.getpid():
        return False
    here[1].ring()
    return True


class Sweeper(bootsteps.StartStopStep):
    """Threads in the worker's main process that sweep, then rest until the next row falls due or SWEEP_SECONDS pass."""

    requires = {"celery.worker.components:Pool"}

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self.stopping = threading.Event()
        self.bell = Bell(settings.SWEEPER_THREADS)
        self.threads: list[threading.Thread] = []

    def start(self, parent: Any) -> None:
        from portal.checks import refuse_unsafe_start

        global _here
        refuse_unsafe_start()
        _here = (os.getpid(), self.bell)
        for number in range(settings.SWEEPER_THREADS):
            thread = threading.Thread(target=self.run, name=f"sweeper-{number}", daemon=True)
            thread.start()
            self.threads.append(thread)

    def stop(self, parent: Any) -> None:
        global _here
        _here = None
        self.stopping.set()
        self.bell.ring()
        for thread in self.threads:
            thread.join(timeout=20)

    def run(self) -> None:
        from portal import sweeping

        tidied = time.monotonic()
        while not self.stopping.is_set():
            # As Django does around a request: a connection that broke or grew old is not used again.
            close_old_connections()
            try:
                sweeping.sweep()
                if time.monotonic() - tidied > TIDY_SECONDS:
                    tidied = time.monotonic()
                    sweeping.tidy(timezone.now())
                rest = self.rest_seconds()
            except Exception:
                log.exception("the sweep failed")
                rest = float(settings.SWEEP_SECONDS)
            self.bell.wait(rest)

    def rest_seconds(self) -> float:
        from portal import sweeping

        due = sweeping.next_due()
        longest = float(settings.SWEEP_SECONDS)
        if due is None:
            return longest
        return min(longest, max(SHORTEST_REST, (due - timezone.now()).total_seconds()))
