"""The pause between asking something of the CA and the first look at what became of it: as long as it usually takes."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from certificates.issuance import pace, waits
from certificates.issuance.walk import Done, Walk

# To let go of a row and claim it again costs ten statements, and 5 ms of the processor. A CA whose wait is learned by
# doubling is under load looked at after 50 to 100 ms: all of these are waited for in place.
IN_PLACE = timedelta(milliseconds=110)
# Of a CA that has not been seen to be quick nothing is known yet.
LEARNED = timedelta(milliseconds=1)


def after(walk: Walk, kind: pace.Kind, retry_at: datetime | None = None, **values: Any) -> Done:
    """Return the end of the walk until the CA has had its time: what it said itself, else what it usually takes."""
    now, wait = walk.now, pace.wait(directory_of(walk), kind)
    due = waits.at_or(retry_at, now, wait)
    quick = wait <= min(IN_PLACE, kind.start - LEARNED) and due == now + wait
    return Done(due, pause=wait if quick else None, **values)


def rested(walk: Walk, done: Done) -> bool:
    """Rest in place where the pause is short, and write what the walk's end would have; False where it must end."""
    if done.pause is None:
        return False
    news = {name: value for name, value in done.values.items() if getattr(walk.order, name) != value}
    if news:
        walk.order.write(**news)
    time.sleep(done.pause.total_seconds())
    walk.paused = done.pause
    return True


def looked(walk: Walk, kind: pace.Kind, since: datetime | None, *, done: bool, tries: int) -> None:
    """Learn from a look at what was asked `since` then; `tries` is how many looks were in vain before it."""
    planned, walk.paused = walk.paused, None
    if since is None:
        return
    if tries == 0 and planned is None and walk.order.due_at is not None:
        planned = walk.order.due_at - since
    waited = planned if tries == 0 and planned is not None else walk.now - since
    if waited > timedelta(0):
        pace.looked(directory_of(walk), kind, done=done, first=tries == 0, waited=waited)


def directory_of(walk: Walk) -> str:
    return walk.order.account.house_account.directory_url
