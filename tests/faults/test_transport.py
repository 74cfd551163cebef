"""Trouble on the way strikes each kind of request once: business stands still, we come back in time, the order goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from accounts.models import Letter
from certificates.models import Certificate
from sandbox.faults import misdeeds
from sandbox.faults.plan import Misdeed
from tests.certificates.issuance.desk import newest
from tests.faults.ca import strike
from tests.faults.desk import business
from tests.faults.seen import NOTHING, Seen, assert_seen

pytestmark = [pytest.mark.django_db, pytest.mark.town]

# In the order in which one certificate's walk asks for them; the last is asked when the story is over.
WALK = (
    "newAccount",
    "newOrder",
    "authorization",
    "challenge",
    "order",
    "finalize",
    "certificate",
    "deactivate",
)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True)
class Row:
    """We look again after `least` to `most`. The customer reads `words` on the plan's page and `page` in step 4.

    Support reads `story` on the plan's page and, once it has lasted for ten minutes, `line` on the board.
    """

    name: str
    misdeed: Callable[[], Misdeed]
    least: timedelta
    most: timedelta
    words: str
    page: str
    line: str
    story: str


# The second trouble in a row (an account that is opened is not yet an order) is waited off for longer.
BACK_OFF = {"least": timedelta(seconds=2), "most": timedelta(seconds=11)}
# The sixth stroke comes after five such waits: well past the ten minutes from which the board lists an order, not just at them.
TOLD_SECONDS = 135
TOLD = {"least": timedelta(seconds=TOLD_SECONDS - 2), "most": timedelta(seconds=TOLD_SECONDS + 1)}
TROUBLE = "The certificate authority does not answer as it should right now. We try again by ourselves."
LATER = "The certificate authority asked us to come back later. We go on by ourselves then."

LIMITED = {
    "words": LATER, "page": "The CA has had too many requests for this domain lately.",
    "line": "A limit of the CA is reached.", "story": "Too many requests of this kind lately.",
}  # fmt: skip
CLOSED = {
    "words": LATER, "page": "The CA has a problem of its own right now. Nothing is wrong on your side.",
    "line": "The CA has trouble on its own side.", "story": "Closed for maintenance.",
}  # fmt: skip
BROKEN = {"words": TROUBLE, "page": CLOSED["page"], "line": CLOSED["line"], "story": "Boom."}
NONSENSE = {
    "words": TROUBLE, "page": "The CA gives answers that make no sense right now.",
    "line": "The CA answers with something that is no answer.", "story": "urn:chancery:error:unusableAnswer",
}  # fmt: skip
SILENT = {
    "words": TROUBLE, "page": "The CA cannot be reached right now.", "line": "The CA does not answer.",
    "story": "urn:chancery:error:transport",
}  # fmt: skip

ROWS = [
    Row("429, Retry-After in seconds", lambda: misdeeds.later(429, "seconds", TOLD_SECONDS), **TOLD, **LIMITED),
    Row("429, Retry-After as a date", lambda: misdeeds.later(429, "date", TOLD_SECONDS), **TOLD, **LIMITED),
    Row("429 without Retry-After", lambda: misdeeds.later(429, "", 0), least=HOUR - MINUTE, most=HOUR, **LIMITED),
    Row("503, Retry-After in seconds", lambda: misdeeds.later(503, "seconds", TOLD_SECONDS), **TOLD, **CLOSED),
    Row("503, Retry-After as a date", lambda: misdeeds.later(503, "date", TOLD_SECONDS), **TOLD, **CLOSED),
    Row("503 without Retry-After", lambda: misdeeds.later(503, "", 0), least=MINUTE - timedelta(seconds=5), most=MINUTE, **CLOSED),
    Row("an HTML page with status 502", lambda: misdeeds.page(502), **BACK_OFF, **NONSENSE),
    Row("an HTML page with status 200", lambda: misdeeds.page(200), **BACK_OFF, **NONSENSE),
    Row("reset before the answer", lambda: misdeeds.lost("before"), **BACK_OFF, **SILENT),
    Row("reset in the middle of the answer", lambda: misdeeds.lost("middle"), **BACK_OFF, **SILENT),
    Row("slower than our patience", lambda: misdeeds.slow(3.0), **BACK_OFF, **SILENT),
    Row("500 serverInternal", lambda: misdeeds.refusal("serverInternal", 500, "Boom."), **BACK_OFF, **BROKEN),
]  # fmt: skip


def seen_of(row: Row, age: timedelta) -> Seen:
    """The order is on the board when the CA has kept it for ten minutes, and not before."""
    if age < 10 * MINUTE:
        return Seen((row.words, row.page), (row.story,), NOTHING)
    return Seen((row.words, row.page), (row.story,), "Waiting for the CA", (row.line,))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_trouble_on_the_way_never_changes_the_business(desk, alice, row):
    wanted = desk.wish(alice, "shop.example")
    stop = desk.watch(wanted)
    misdeed = row.misdeed()
    try:
        for kind in WALK[:-1]:
            desk.ca.spoil(strike(row.name, misdeed, kind))
            order = desk.until_struck(wanted)
            assert business(wanted) == desk.seen, f"changed by {row.name} at {kind}"
            assert order.waiting_for == "ca", kind
            wait = order.due_at - desk.now
            assert row.least - timedelta(seconds=2) <= wait <= row.most, (kind, wait)
            assert desk.standing(wanted).sentence == row.words, kind
            assert_seen(desk, wanted, seen_of(row, desk.now - order.created_at), f"{row.name} at {kind}:")
            assert desk.standing(wanted).next_look_at == order.due_at
    finally:
        stop()
    desk.ca.spoil(strike(row.name, misdeed, "deactivate"))
    desk.until_over(wanted)
    order = newest(wanted)
    assert order.attempt == 1
    assert (Certificate.objects.count(), Letter.objects.count()) == (1, 1)
    assert desk.ca.strikes == 1, "the authorization was given back in the end"
