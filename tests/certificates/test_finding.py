"""Finding plans stays inside what it was given and reads names as people write them."""

from __future__ import annotations

from certificates.finding import find
from orders.models import Plan
from tests.factories import PlanFactory, plan_for


def found(owner, query: str) -> list[Plan]:
    return list(find(Plan.objects.of(owner), query))


def test_it_stays_among_the_plans_it_was_given(alice, bob):
    mine, theirs = plan_for(alice, "xn--mnchen-3ya.example"), plan_for(bob, "xn--mnchen-3ya.example")
    assert found(alice, "münchen") == [mine]
    assert found(bob, "xn--mnchen") == [theirs]


def test_a_plan_with_many_names_is_found_once(alice):
    plan = plan_for(alice, *[f"n{number}.shop.example" for number in range(9)])
    assert found(alice, "shop") == [plan]


def test_names_chosen_in_the_wizard_and_names_ordered_both_count(alice):
    plan = PlanFactory(owner=alice, order_names=["ordered.example"])
    other = plan_for(alice, "ordered.example")
    other.activation.names.update(ascii="chosen.example")
    assert found(alice, "chosen") == [other]
    assert set(found(alice, "ordered")) == {plan, other}


def test_signs_of_patterns_mean_themselves(alice):
    plan_for(alice, "shop.example")
    assert found(alice, "%") == []
    assert found(alice, "sho_") == []


def test_half_a_label_of_another_script_is_found(alice):
    plan = plan_for(alice, "xn--80ak6aa92e.example", "plain.example")
    other = plan_for(alice, "xn--bcher-kva.example")
    assert found(alice, "büch") == [other]
    assert found(alice, "☃") == []
    assert plan not in found(alice, "bü")
