"""One call to the world outside: named, timed, counted, and seen by whoever watches the door."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

log = logging.getLogger(__name__)

Kind = Literal["ca", "gateway", "dns", "web", "mail"]
Moment = Literal["before", "after"]


@dataclass
class Call:
    """`verb` names what is asked (`newOrder`, `TXT`, `refunds.create`) in a small, fixed vocabulary; `peer` is the host.

    `outcome` is the caller's word for how it ended (an HTTP status, `timeout`); where the caller says none it
    is `ok`, or the name of the exception that went through. `seconds` is 0.0 until the call has ended.
    """

    kind: Kind
    verb: str
    peer: str = ""
    outcome: str = ""
    seconds: float = 0.0
    started: float = field(default_factory=time.monotonic, repr=False)

    @property
    def name(self) -> str:
        """What the call is called in metrics, logs and as a crash point: `ca.newOrder`."""
        return f"{self.kind}.{self.verb}"


Watcher = Callable[[Moment, Call], None]

_watchers: tuple[Watcher, ...] = ()
_counters: ContextVar[tuple[Counter[str], ...]] = ContextVar("outbound_counters", default=())


@contextmanager
def call(kind: Kind, verb: str, peer: str = "") -> Iterator[Call]:
    """Make one call: watchers are told before anything leaves, and after it has ended, well or not."""
    this = Call(kind, verb, peer)
    for counter in _counters.get():
        counter[this.name] += 1
    _tell("before", this)
    this.started = time.monotonic()
    try:
        yield this
    except BaseException as error:
        this.outcome = this.outcome or type(error).__name__
        raise
    finally:
        this.outcome = this.outcome or "ok"
        this.seconds = time.monotonic() - this.started
        # Names are looked up by the hundred; a line for each would bury the rest.
        level = logging.DEBUG if kind in {"dns", "web"} else logging.INFO
        facts = {
            "call": this.name,
            "peer": peer,
            "outcome": this.outcome,
            "ms": round(this.seconds * 1000, 1),
        }
        log.log(level, "%s %s: %s", this.name, peer, this.outcome, extra=facts)
        _tell("after", this)


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Count the calls that this thread makes meanwhile, by name. May be nested."""
    counter: Counter[str] = Counter()
    token = _counters.set((*_counters.get(), counter))
    try:
        yield counter
    finally:
        _counters.reset(token)


def watch(watcher: Watcher) -> None:
    """Have `watcher` told of every call of this process from now on, before and after. Told once, however often asked."""
    global _watchers
    if watcher not in _watchers:
        _watchers = (*_watchers, watcher)


def unwatch(watcher: Watcher) -> None:
    global _watchers
    _watchers = tuple(other for other in _watchers if other is not watcher)


def _tell(moment: Moment, this: Call) -> None:
    for watcher in _watchers:
        watcher(moment, this)
