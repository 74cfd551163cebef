"""What is due of every kind, as one look has seen it a moment ago: shared by the sweepers of a process."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from leases.looking import Look
from leases.rows import WINDOW

# Whoever came meanwhile, of any kind and any owner, has a turn before the rest of the list.
LISTED_FOR = 0.1
# Several processes see the same rows. Each begins elsewhere among so many, so that they seldom reach for the same one.
ABOUT = 8


class Lists:
    """Rows that were due a moment ago, kind by kind: one look serves several claims, each of which makes sure by itself.

    Safe to use from several threads: a row that one of them was given is not given to another.
    """

    def __init__(self, queues: Mapping[str, tuple[Any, Any]], ahead: float = 5.0) -> None:
        """`ahead` is for how many seconds beforehand it is told when the next row falls due."""
        self._rows = {name: rows.all() for name, (rows, _work) in queues.items()}
        self._look = Look([(rows.model, rows.owner_path) for rows in self._rows.values()], WINDOW)
        self._ahead = timedelta(seconds=ahead)
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._keys: dict[str, deque[tuple[Any, Any]]] = {name: deque() for name in self._rows}
        self._turns = deque(self._rows)
        self._stale_at = 0.0
        self.looks = 0
        self.next_due: datetime | None = None

    def claim(self) -> tuple[str, Any] | None:
        """Claim a due row of the kind whose turn it is, as (kind, row); None when nothing is due."""
        while (listed := self._next()) is not None:
            name, key, owner = listed
            row = self._rows[name].claim_listed(key, owner, timezone.now())
            if row is not None:
                return name, row
        return None

    @property
    def has_more(self) -> bool:
        """True if there is something that no thread of this process has been given yet."""
        return any(self._keys.values())

    def _next(self) -> tuple[str, Any, Any] | None:
        listed = self._pop()
        if listed is not None:
            return listed
        before = self.looks
        with self._looking:
            # Another thread may have looked while this one waited its turn to look.
            listed = self._pop() if self.looks != before else None
            if listed is None:
                self._look_now()
                listed = self._pop()
        return listed

    def _pop(self) -> tuple[str, Any, Any] | None:
        """One row of each kind in turn: a hundred due letters cannot hold up a paid order."""
        with self._lock:
            if time.monotonic() < self._stale_at:
                for _kind in range(len(self._turns)):
                    name = self._turns[0]
                    self._turns.rotate(-1)
                    if self._keys[name]:
                        return name, *self._keys[name].popleft()
        return None

    def _look_now(self) -> None:
        now = timezone.now()
        found = self._look(now, now + self._ahead)
        listed = {
            name: deque(self._spread(name, rows.in_turn(seen.due, now)))
            for (name, rows), seen in zip(self._rows.items(), found, strict=True)
        }
        with self._lock:
            self._keys = listed
            self._stale_at = time.monotonic() + LISTED_FOR
            self.next_due = min((seen.soon for seen in found if seen.soon is not None), default=None)
            self.looks += 1

    def _spread(self, name: str, keys: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        """Not where it is a newcomer's turn, and not where there are few rows: those come in their order."""
        first = keys[:ABOUT]
        if len(keys) < WINDOW or not self._rows[name].all_served(owner for _key, owner in first):
            return keys
        random.shuffle(first)
        return first + keys[ABOUT:]
