"""How long the engine waits before it looks again, by reason."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

# While the CA works: its own Retry-After wins over these.
POLLS = [timedelta(milliseconds=ms) for ms in (250, 500, 1000, 2000, 3000)]
SLOWEST_POLL = timedelta(seconds=10)
# A CA that works for hours (or people who do) is asked ever more seldom, also where it goes on saying "in a second":
# (after so many polls, wait).
PATIENT_POLLS = ((180, timedelta(minutes=10)), (30, timedelta(minutes=1)))
# The least pause between two requests about one order, whatever Retry-After says.
FLOOR = timedelta(milliseconds=250)
# After transport trouble. Never longer than an hour: somebody is waiting for the certificate.
RETRIES = [timedelta(seconds=s) for s in (2, 10, 60, 600)]
LAST_RETRY = timedelta(hours=1)
# A CA that says "in a minute" again and again is asked at least so seldom in the end.
TOLD_AGAIN = timedelta(minutes=10)
# The lookout wakes the order when it sees the record; this only covers a wake that was lost.
CUSTOMER = timedelta(minutes=10)
# Who has waited so long is looked at by the hour, on whole minutes: so one waking serves many.
CUSTOMER_LONG = timedelta(hours=1)
SPREAD_MINUTES = 6
PAUSED = timedelta(minutes=5)
NAME_BUSY = timedelta(minutes=10)
# The other order has ended and is only being tidied away.
NAME_SOON_FREE = timedelta(seconds=5)
# A customer who shows nothing for so long no longer keeps others from a name.
NAME_HELD = timedelta(days=1)
OPERATOR = timedelta(hours=1)
# A look at a standing record that was asked for just now, and at one that DNS does not tell of.
LOOK = timedelta(seconds=2)
UNSEEN = timedelta(minutes=10)
# A wake that is lost for so long is no loss.
A_MOMENT = timedelta(seconds=1)


def poll(tries: int) -> timedelta:
    """Return how long to wait before the next poll, after so many."""
    if tries < len(POLLS):
        return POLLS[tries]
    return next((wait for after, wait in PATIENT_POLLS if tries >= after), SLOWEST_POLL)


def next_poll(retry_at: datetime | None, now: datetime, tries: int) -> datetime:
    """Return when to ask again for what the CA still works on: when it said (RFC 8555 §7.4), but not for ever at that pace."""
    due = at_or(retry_at, now, poll(tries))
    return max(due, now + poll(tries)) if tries >= PATIENT_POLLS[-1][0] else due


def after_trouble(retry_at: datetime | None, now: datetime, wait: timedelta) -> datetime:
    """Return when to try again: when the CA said, but no sooner than our own back-off up to TOLD_AGAIN."""
    return max(at_or(retry_at, now, wait), now + min(wait, TOLD_AGAIN))


def retry(tries: int) -> timedelta:
    """Return the back-off after the given number of failures, spread by up to a tenth so that many do not return together."""
    base = RETRIES[tries] if tries < len(RETRIES) else LAST_RETRY
    return base + base * (secrets.randbelow(100) / 1000)


def customer(now: datetime, since: datetime, number: int) -> datetime:
    """Return when to see whether a wake was lost; `number` spreads orders that began to wait at one moment."""
    if now - since < CUSTOMER_LONG:
        return now + CUSTOMER
    minute = (now + CUSTOMER_LONG).replace(second=0, microsecond=0)
    return minute - timedelta(minutes=number % SPREAD_MINUTES)


def at_or(retry_at: datetime | None, now: datetime, otherwise: timedelta) -> datetime:
    """Return the CA's own time when it gave one that lies ahead, else `now + otherwise`."""
    if retry_at is None or retry_at <= now:
        return now + otherwise
    return max(retry_at, now + FLOOR)
