"""Where the sweepers of a process rest: one of them is woken at a time, by a ring or when something falls due."""

from __future__ import annotations

import threading
import time


class Bell:
    """Heard also by a sweeper that is just about to lie down. `longest` is for how many seconds nobody looks at most."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._heard = threading.Condition()
        self._rung = False
        self._look_at = 0.0
        # Until when those who rest will sleep, each by itself.
        self._resting: list[float] = []
        self.over = False

    def ring(self) -> None:
        """Wake one, or keep the first who wants to rest from it."""
        with self._heard:
            if not self._rung:
                self._rung = True
                self._heard.notify()

    def call_another(self) -> None:
        """Wake one if any is resting: unlike a ring this is not kept for later."""
        with self._heard:
            if self._resting and not self._rung:
                self._rung = True
                self._heard.notify()

    def end(self) -> None:
        """Wake all, for good."""
        with self._heard:
            self.over = True
            self._heard.notify_all()

    def plan(self, seconds: float) -> None:
        """In so many seconds somebody has to look, if nothing sooner is planned: who rests goes by it."""
        with self._heard:
            self._plan(seconds)
            if self._resting and min(self._resting) > self._look_at:
                self._heard.notify()

    def rest(self, seconds: float) -> None:
        """Return after a ring, or when it is time to look (in `seconds`, or as another has planned) and nobody else went to."""
        with self._heard:
            self._plan(seconds)
            while not self._rung and not self.over:
                left = self._look_at - time.monotonic()
                if left <= 0:
                    # Mine: the others rest on.
                    self._look_at = time.monotonic() + self._longest
                    return
                self._sleep(left)
            self._rung = False

    def _plan(self, seconds: float) -> None:
        now = time.monotonic()
        # A plan that has passed was seen to by whoever looked since.
        self._look_at = min(self._look_at if self._look_at > now else float("inf"), now + seconds)

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        self._resting.append(until)
        try:
            self._heard.wait(seconds)
        finally:
            self._resting.remove(until)
