"""How long each CA takes, as this process has seen it: so that a slow one is asked once, and a quick one not waited for."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta

# A wait that turned out long enough is tried a little shorter; one that was not, twice as long.
SHRINK = 0.95
GROW = 2
# Until a look has once come too soon, nothing speaks against a quick CA: a few certificates teach what forty would.
FIRST_SHRINK = 0.7
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
_was_too_soon: set[tuple[str, str]] = set()


def wait(directory: str, kind: Kind) -> timedelta:
    """Return for how long to leave the CA at this directory alone before the first look. Its own Retry-After wins over it."""
    return _learned.get((directory, kind.name), kind.start)


def looked(directory: str, kind: Kind, *, done: bool, first: bool, waited: timedelta) -> None:
    """Learn from a look that came `waited` after what was asked.

    Of a `first` look `waited` is what it was to wait, however late it came: many that waited alike teach no more than one.
    """
    key = directory, kind.name
    with _lock:
        known = _learned.get(key, kind.start)
        if not done:
            _was_too_soon.add(key)
            wanted = max(known, waited * GROW) if first else known
        else:
            shrink = SHRINK if key in _was_too_soon else FIRST_SHRINK
            wanted = min(known, waited * shrink if first else waited)
        if len(_learned) >= MOST:
            _clear()
        _learned[key] = min(max(wanted, kind.least), kind.most)


def forget() -> None:
    with _lock:
        _clear()


def _clear() -> None:
    _learned.clear()
    _was_too_soon.clear()
