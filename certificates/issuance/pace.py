"""How long each CA takes, as this process has seen it: so that a slow one is asked once, and a quick one not waited for."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta

# A wait that turned out long enough is tried a little shorter; one that was not, twice as long.
SHRINK = 0.95
GROW = 2
# So many CAs are remembered; beyond them all begin anew.
MOST = 1_000


@dataclass(frozen=True)
class Kind:
    """What is waited for, and between what bounds the wait is learned."""

    name: str
    start: timedelta
    least: timedelta
    most: timedelta


def _ms(milliseconds: int) -> timedelta:
    return timedelta(milliseconds=milliseconds)


ANSWERED = Kind("answered", start=_ms(50), least=_ms(10), most=_ms(3000))
# Debian's Pebble can deadlock when an order is polled while it is being finalized: never at once.
FINALIZED = Kind("finalized", start=_ms(200), least=_ms(50), most=_ms(5000))

_lock = threading.Lock()
_learned: dict[tuple[str, str], timedelta] = {}


def wait(directory: str, kind: Kind) -> timedelta:
    """Return for how long to leave the CA at this directory alone before the first look. Its own Retry-After wins over it."""
    return _learned.get((directory, kind.name), kind.start)


def looked(directory: str, kind: Kind, *, done: bool, first: bool, waited: timedelta) -> None:
    """Learn from a look that came `waited` after what was asked.

    Of a `first` look `waited` is what it was to wait, however late it came: many that waited alike teach no more than one.
    """
    with _lock:
        known = _learned.get((directory, kind.name), kind.start)
        if not done:
            wanted = max(known, waited * GROW) if first else known
        else:
            wanted = min(known, waited * SHRINK if first else waited)
        if len(_learned) >= MOST:
            _learned.clear()
        _learned[directory, kind.name] = min(max(wanted, kind.least), kind.most)


def forget() -> None:
    with _lock:
        _learned.clear()
