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
    """We look again after `least` to `most`; the customer reads `words` on the plan's page."""

    name: str
    misdeed: Callable[[], Misdeed]
    least: timedelta
    most: timedelta
    words: str


# The second trouble in a row (an account that is opened is not yet an order) is waited off for longer.
BACK_OFF = {"least": timedelta(seconds=2), "most": timedelta(seconds=11)}
TOLD = {"least": timedelta(seconds=118), "most": timedelta(seconds=121)}
TROUBLE = "The certificate authority does not answer as it should right now. We try again by ourselves."
LATER = "The certificate authority asked us to come back later. We go on by ourselves then."

ROWS = [
    Row("429, Retry-After in seconds", lambda: misdeeds.later(429, "seconds", 120), **TOLD, words=LATER),
    Row("429, Retry-After as a date", lambda: misdeeds.later(429, "date", 120), **TOLD, words=LATER),
    Row("429 without Retry-After", lambda: misdeeds.later(429, "", 0), HOUR - MINUTE, HOUR, words=LATER),
    Row("503, Retry-After in seconds", lambda: misdeeds.later(503, "seconds", 120), **TOLD, words=LATER),
    Row("503, Retry-After as a date", lambda: misdeeds.later(503, "date", 120), **TOLD, words=LATER),
    Row("503 without Retry-After", lambda: misdeeds.later(503, "", 0), MINUTE - timedelta(seconds=5), MINUTE, words=LATER),
    Row("an HTML page with status 502", lambda: misdeeds.page(502), **BACK_OFF, words=TROUBLE),
    Row("an HTML page with status 200", lambda: misdeeds.page(200), **BACK_OFF, words=TROUBLE),
    Row("reset before the answer", lambda: misdeeds.lost("before"), **BACK_OFF, words=TROUBLE),
    Row("reset in the middle of the answer", lambda: misdeeds.lost("middle"), **BACK_OFF, words=TROUBLE),
    Row("slower than our patience", lambda: misdeeds.slow(1.0), **BACK_OFF, words=TROUBLE),
    Row("500 serverInternal", lambda: misdeeds.refusal("serverInternal", 500, "Boom."), **BACK_OFF, words=TROUBLE),
]  # fmt: skip


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
            assert desk.standing(wanted).next_look_at == order.due_at
    finally:
        stop()
    desk.ca.spoil(strike(row.name, misdeed, "deactivate"))
    desk.until_over(wanted)
    order = newest(wanted)
    assert order.attempt == 1
    assert (Certificate.objects.count(), Letter.objects.count()) == (1, 1)
    assert desk.ca.strikes == 1, "the authorization was given back in the end"
