"""Who was served when by this process: so that one owner's hundred due rows leave room for another's one."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Any

# Owners remembered; one that is forgotten is served as if it came for the first time.
MOST = 10_000
# So long after nobody else was found behind a backlog, nobody is looked for again.
QUIET_SECONDS = 0.5


class Turns:
    """Thread-safe, and kept in memory only: each process takes turns by itself, which needs no table and no lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._served: OrderedDict[Hashable, int] = OrderedDict()
        self._count = 0
        self._quiet_until = 0.0

    def took(self, owner: Hashable) -> None:
        """This owner is being served now."""
        with self._lock:
            self._count += 1
            self._served[owner] = self._count
            self._served.move_to_end(owner)
            while len(self._served) > MOST:
                self._served.popitem(last=False)

    def last(self, owner: Hashable) -> int:
        """Return a number that grows with the last time the owner was served; 0 for never."""
        return self._served.get(owner, 0)

    def ordered(self, rows: Iterable[tuple[Any, Hashable]]) -> list[tuple[Any, Hashable]]:
        """Return (key, owner) pairs so that owners alternate, who was served longest ago first."""
        before: Counter[Hashable] = Counter()
        places = []
        for row in rows:
            places.append(((before[row[1]], self.last(row[1])), row))
            before[row[1]] += 1
        return [row for _place, row in sorted(places, key=lambda placed: placed[0])]

    def all_served(self, owners: Iterable[Hashable]) -> bool:
        """True if nobody here comes for the first time."""
        return all(owner in self._served for owner in owners)

    def nobody_behind(self) -> None:
        """Others were looked for behind a backlog, and there were none."""
        self._quiet_until = self._clock() + QUIET_SECONDS

    @property
    def quiet(self) -> bool:
        return self._clock() < self._quiet_until

    def forget(self) -> None:
        with self._lock:
            self._served.clear()
            self._count, self._quiet_until = 0, 0.0
