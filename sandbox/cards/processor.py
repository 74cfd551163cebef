"""The card processor as a whole: its book, its clockwork and the courier of its webhooks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

from sandbox.cards import sessions
from sandbox.cards.book import Book, Timer
from sandbox.cards.errors import Refusal
from sandbox.cards.events import Cause, Courier

log = logging.getLogger(__name__)

TICK = 0.25


class Processor:
    """Holds what the API, the hosted page and the control interface share.

    `base_url` is where browsers find the hosted page; `clock` gives Unix seconds.
    """

    def __init__(
        self,
        path: Path,
        base_url: str,
        secret_key: str,
        webhook_url: str,
        webhook_secret: str,
        merchant: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.book = Book(path)
        self.base_url = base_url
        self.secret_key = secret_key
        self.merchant = merchant
        self.clock = clock
        self.courier = Courier(self.book, webhook_url, webhook_secret, clock)
        self.stirred = asyncio.Event()
        self.sending: set[asyncio.Task[None]] = set()
        self.running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the clockwork."""
        self.running = asyncio.create_task(self.run())

    async def stop(self) -> None:
        """Stop; whatever is under way is sent again at the next start."""
        tasks = [*self.sending, *([self.running] if self.running else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.courier.close()
        self.book.close()

    def wake(self) -> None:
        """Something is due now."""
        self.stirred.set()

    async def run(self) -> None:
        """For ever: serve timers, send webhooks."""
        while True:
            self.stirred.clear()
            try:
                self.tick()
            except Exception:
                log.exception("The card processor's clockwork failed; it goes on.")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stirred.wait(), TICK)

    def tick(self) -> None:
        """Do all that is due now."""
        now = self.clock()
        for timer in self.book.due_timers(now):
            with self.book.writing():
                self.serve(timer, now)
                self.book.drop_timer(timer.seq)
        self.courier.dispatch(self.sending)

    def serve(self, timer: Timer, now: float) -> None:
        """One timer: a session's end, or a delayed payment's outcome."""
        if timer.verb == "expire":
            # A session that was paid or expired before needs no end.
            with contextlib.suppress(Refusal):
                sessions.expire(self.book, timer.subject, Cause(), now)
        elif timer.verb == "settle":
            cause = Cause(webhook=timer.detail["webhook"], late=timer.detail["late"])
            sessions.settle_later(self.book, timer.subject, timer.detail["succeeds"], cause, now)
        else:
            log.error("Unknown timer %s", timer.verb)
