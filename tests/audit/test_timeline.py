"""The story of a plan in one query, oldest first, with nothing of its neighbours."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from audit.record import record
from audit.timeline import LONGEST_VALUE, story
from audit.vocabulary import Action

pytestmark = pytest.mark.django_db

PLAN, OTHER_PLAN, ORDER = (uuid.UUID(int=n) for n in (1, 2, 3))


def test_entries_of_the_plan_and_of_its_order_are_told_in_order_of_time(
    alice, now, django_assert_num_queries
):
    record(
        Action.PLAN_OPENED,
        alice,
        now=now + timedelta(seconds=2),
        by="fulfilment",
        plan_id=PLAN,
        order_id=ORDER,
    )
    record(Action.ORDER_PAID, alice, now=now + timedelta(seconds=1), by="stripe", order_id=ORDER)
    record(
        Action.LOOKED_AGAIN,
        alice,
        now=now + timedelta(seconds=3),
        by=alice,
        address="192.0.2.1",
        plan_id=PLAN,
    )
    with django_assert_num_queries(1):
        moments = story(PLAN, ORDER)
    assert [moment.title for moment in moments] == [
        "Payment received",
        "Plan opened",
        "Validation looked at again",
    ]
    assert [moment.by_person for moment in moments] == [False, False, True]
    assert moments[-1].address == "192.0.2.1"


def test_what_belongs_to_another_plan_is_not_told(alice, now):
    record(Action.PLAN_OPENED, alice, now=now, by="x", plan_id=OTHER_PLAN, order_id=ORDER)
    record(Action.ORDER_PAID, alice, now=now, by="x", order_id=uuid.uuid4())
    record(Action.SIGNED_IN, alice, now=now, by=alice)
    assert story(PLAN, ORDER) == []
    assert story(PLAN) == []


def test_of_a_long_story_the_end_is_told(alice, now):
    for n in range(12):
        record(
            Action.PROBE_CHANGED, alice, now=now + timedelta(seconds=n), by="lookout", plan_id=PLAN, turn=n
        )
    assert [moment.facts for moment in story(PLAN, limit=3)] == [(("turn", str(n)),) for n in (9, 10, 11)]


def test_details_of_any_shape_become_short_lines_and_empty_ones_are_left_out(alice, now):
    record(
        Action.CA_PROBLEM, alice, now=now, by="issuance", plan_id=PLAN,
        problem={"type": "dns", "detail": "no", "subproblems": [], "status": 0}, names=["a.example", "b.example"], nothing="", none=None,
        zero=0, long="x" * 1000,
    )  # fmt: skip
    facts = dict(story(PLAN)[0].facts)
    assert facts["problem"] == "type: dns; detail: no; status: 0"
    assert facts["names"] == "a.example, b.example"
    assert facts["zero"] == "0"
    assert len(facts["long"]) == LONGEST_VALUE
    assert set(facts) == {"problem", "names", "zero", "long"}
