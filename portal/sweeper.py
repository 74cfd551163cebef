"""Every worker sweeps by itself when idle, so that a lost message costs one sweep and nothing else."""

from __future__ import annotations

import gc
import logging
import os
import threading
import time
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from portal.bell import Bell

log = logging.getLogger(__name__)

SHORTEST_REST = 0.005
TIDY_SECONDS = 600.0
# Asking a connection whether it still lives costs a round trip; a broken one also shows itself.
CONNECTION_SECONDS = 5.0

_here: tuple[int, Bell] | None = None


def ring_here() -> bool:
    """Wake a sweeper of this very process; False where it has none, as in a child of a prefork worker."""
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
        self.bell = Bell(float(settings.SWEEP_SECONDS))
        self.threads: list[threading.Thread] = []
        self._tidied = time.monotonic()
        self._asking = threading.Lock()

    def start(self, parent: Any) -> None:
        from portal.checks import refuse_unsafe_start
        from portal.listing import Lists
        from portal.sweeping import QUEUES

        global _here
        refuse_unsafe_start()
        set_aside()
        _here = (os.getpid(), self.bell)
        lists = Lists(QUEUES, ahead=float(settings.SWEEP_SECONDS))
        for number in range(settings.SWEEPER_THREADS):
            thread = threading.Thread(target=self.run, args=(lists,), name=f"sweeper-{number}", daemon=True)
            thread.start()
            self.threads.append(thread)

    def stop(self, parent: Any) -> None:
        global _here
        _here = None
        self.bell.end()
        for thread in self.threads:
            thread.join(timeout=20)

    def run(self, lists: Any) -> None:
        from portal import sweeping

        looked_after = time.monotonic()
        while not self.bell.over:
            if time.monotonic() - looked_after > CONNECTION_SECONDS:
                # As Django does around a request: a connection that broke or grew old is not used again.
                close_old_connections()
                looked_after = time.monotonic()
            try:
                sweeping.sweep(lists=lists, before_each=self.call_another)
                if self.is_time_to_tidy():
                    sweeping.tidy(timezone.now())
                self.bell.rest(rest_seconds(lists))
            except Exception:
                log.exception("the sweep failed")
                looked_after = float("-inf")
                self.bell.rest(float(settings.SWEEP_SECONDS))

    def is_time_to_tidy(self) -> bool:
        """Say so to one of the threads: each would hold as much of memory at once, and only one could seal it."""
        with self._asking:
            is_time = time.monotonic() - self._tidied > TIDY_SECONDS
            if is_time:
                self._tidied = time.monotonic()
            return is_time

    def call_another(self, lists: Any) -> None:
        """What else is due, or will be, need not wait for this one's row."""
        if lists.has_more:
            self.bell.call_another()
        else:
            self.bell.plan(rest_seconds(lists))


def set_aside() -> None:
    """Spare the garbage collector what was imported.

    It looks for old rubbish only once that is a quarter of all there is. Each certificate leaves rows that point at each
    other; beside a process full of modules, hundreds of certificates' rows would lie about before anybody looks.
    """
    gc.collect()
    gc.freeze()


def rest_seconds(lists: Any) -> float:
    """Return for how long nothing falls due, as the last look has seen it."""
    longest = float(settings.SWEEP_SECONDS)
    if lists.next_due is None:
        return longest
    return min(longest, max(SHORTEST_REST, (lists.next_due - timezone.now()).total_seconds()))
