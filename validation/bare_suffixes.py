"""Public suffixes that held no CAA records when they were last asked: each climb for a name ends at one (RFC 8659 §3).

Only these are remembered. What stands at a domain is its owner's, who wants to see a change at once; a registry's own
records, where there are any at all, are read anew each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

from identifiers import suffixes
from validation.answers import Answer

# CAs themselves may go by an answer for eight hours (BR 3.2.2.8).
KEPT_SECONDS = 3600.0
MOST = 2000


class BareSuffixes:
    """Safe to use from several threads. `asked` stands for the servers that were asked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[tuple[Hashable, str], float] = {}

    def has(self, asked: Hashable, name: str) -> bool:
        return self._until.get((asked, name), 0.0) > self._clock()

    def learn(self, asked: Hashable, name: str, answer: Answer) -> None:
        """Remember the name, if it is a suffix and there was nothing."""
        told = answer.rdatas or answer.chain or answer.bogus
        if told or not answer.answered or not suffixes.is_suffix(name):
            return
        if len(self._until) >= MOST:
            self._until.clear()
        self._until[asked, name] = self._clock() + KEPT_SECONDS

    def forget(self) -> None:
        self._until.clear()
