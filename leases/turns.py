"""Who was served when by this process: so that one owner's hundred due rows leave room for another's one."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Any

# Owners remembered; one that is forgotten is served as if it came for the first time.
MOST = 2_000
# So often it is looked who waits behind a backlog, and never for more than this part of the time.
LOOK_SECONDS = 1.0
LOOK_PART = 40


class Turns:
    """Thread-safe, and kept in memory only: each process takes turns by itself, which needs no table and no lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._served: OrderedDict[Hashable, int] = OrderedDict()
        self._count = 0
        self._behind: dict[Any, Hashable] = {}
        self._look_at = float("-inf")

    def took(self, key: Any, owner: Hashable) -> None:
        """This row is being worked now."""
        with self._lock:
            self._count += 1
            self._behind.pop(key, None)
            self._served[owner] = self._count
            self._served.move_to_end(owner)
            while len(self._served) > MOST:
                self._served.popitem(last=False)

    def missed(self, key: Any) -> None:
        """This row went to another worker."""
        with self._lock:
            self._behind.pop(key, None)

    def last(self, owner: Hashable) -> int:
        """Return a number that grows with the last time the owner was served; 0 for never."""
        return self._served.get(owner, 0)

    def all_served(self, owners: Iterable[Hashable]) -> bool:
        """True if nobody here comes for the first time."""
        return all(owner in self._served for owner in owners)

    def ordered(self, rows: Iterable[tuple[Any, Hashable]]) -> list[tuple[Any, Hashable]]:
        """Return (key, owner) pairs so that owners alternate, who was served longest ago first."""
        before: Counter[Hashable] = Counter()
        places = []
        for row in rows:
            places.append(((before[row[1]], self.last(row[1])), row))
            before[row[1]] += 1
        return [row for _place, row in sorted(places, key=lambda placed: placed[0])]

    def behind(self, look: Callable[[], Iterable[tuple[Any, Hashable]]]) -> dict[Any, Hashable]:
        """Return rows of whoever waits behind a backlog, owners by key; `look` is called seldom."""
        began = self._clock()
        if began >= self._look_at:
            # Set first, so that the threads of a process do not all look.
            self._look_at = began + LOOK_SECONDS
            found = dict(look())
            ended = self._clock()
            with self._lock:
                self._behind = found
                self._look_at = ended + max(LOOK_SECONDS, (ended - began) * LOOK_PART)
        with self._lock:
            return dict(self._behind)

    def forget(self) -> None:
        with self._lock:
            self._served.clear()
            self._behind = {}
            self._count, self._look_at = 0, float("-inf")
