"""A budget of seconds for several network calls that follow one another."""

from __future__ import annotations

import time


class Deadline:
    """Starts when made. Measured on the monotonic clock: a jump of the wall clock must not free a slow server."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, 0.0 when none."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        return self.remaining == 0.0

    def at_most(self, seconds: float) -> float:
        """The smaller of `seconds` and what is left."""
        return min(seconds, self.remaining)
