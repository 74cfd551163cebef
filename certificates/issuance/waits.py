"""How long the engine waits before it looks again, by reason."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

# While the CA works: its own Retry-After wins over these.
POLLS = [timedelta(milliseconds=ms) for ms in (250, 500, 1000, 2000, 3000)]
SLOWEST_POLL = timedelta(seconds=10)
# After transport trouble; the long end is Let's Encrypt's own advice (1 min, 10 min, 100 min, 1 day).
RETRIES = [timedelta(seconds=s) for s in (2, 10, 60, 600, 6000)]
LAST_RETRY = timedelta(days=1)
# The lookout wakes the order when it sees the record; this only covers a wake that was lost.
CUSTOMER = timedelta(minutes=10)
PAUSED = timedelta(minutes=5)
NAME_BUSY = timedelta(minutes=10)
OPERATOR = timedelta(hours=1)
# Debian's Pebble can deadlock when an order is polled while it is being finalized.
AFTER_FINALIZE = timedelta(milliseconds=250)


def poll(tries: int) -> timedelta:
    return POLLS[tries] if tries < len(POLLS) else SLOWEST_POLL


def retry(tries: int) -> timedelta:
    """Return the back-off after the given number of failures, spread by up to a tenth so that many do not return together."""
    base = RETRIES[tries] if tries < len(RETRIES) else LAST_RETRY
    return base + base * (secrets.randbelow(100) / 1000)


def at_or(retry_at: datetime | None, now: datetime, otherwise: timedelta) -> datetime:
    """Return the CA's own time when it gave one that lies ahead, else `now + otherwise`."""
    return max(retry_at, now) if retry_at is not None else now + otherwise
