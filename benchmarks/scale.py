"""How much a benchmark does: the full measure, or just enough to see that it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# A machine that is slow or busy makes fewer rounds, so that the whole ends in a quarter of an hour.
SECONDS_FOR_ROUNDS = 80.0


@dataclass(frozen=True)
class Scale:
    """`orders`: orders of a round; `rounds`: pairs of ours and the peer; `rows`: of the big table; `certificates`: of the long run."""

    orders: int = 500
    rounds: int = 5
    rows: int = 1_000_000
    waiting: int = 10_000
    certificates: int = 2_000
    seconds: float = 20.0

    def paced(self, clock: Callable[[], float] = time.monotonic) -> Iterator[int]:
        """Count the rounds; none begins after SECONDS_FOR_ROUNDS."""
        started = clock()
        for number in range(self.rounds):
            if number and clock() - started > SECONDS_FOR_ROUNDS:
                return
            yield number


TINY = Scale(orders=6, rounds=1, rows=2_000, waiting=50, certificates=12, seconds=1.0)
