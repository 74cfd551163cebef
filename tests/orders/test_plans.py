"""What a plan may become, and what it goes back to."""

from __future__ import annotations

import pytest

from orders.models import Plan
from tests.factories import PlanFactory


@pytest.fixture
def plan(db):
    return PlanFactory()


def test_the_first_certificate_makes_it_active_once(plan):
    assert plan.activate()
    assert not plan.activate()
    assert Plan.objects.get().state == "active"


@pytest.mark.parametrize("state", ["open", "active"])
def test_a_suspended_plan_goes_back_to_what_it_was(plan, state):
    Plan.objects.update(state=state)
    assert Plan.objects.all().suspend() == 1
    assert Plan.objects.all().suspend() == 0
    assert Plan.objects.get().state == "suspended"
    assert Plan.objects.all().resume() == 1
    assert Plan.objects.get().state == state


def test_a_certificate_that_arrives_while_suspended_is_not_forgotten(plan):
    Plan.objects.all().suspend()
    assert not Plan.objects.get().activate()
    Plan.objects.all().resume()
    assert Plan.objects.get().state == "active"


def test_an_ended_plan_stays_ended(plan):
    assert plan.end()
    assert not plan.end()
    assert Plan.objects.all().suspend() == Plan.objects.all().resume() == 0
    assert not plan.activate()
    assert Plan.objects.get().state == "ended"
