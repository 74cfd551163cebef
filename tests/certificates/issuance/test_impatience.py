"""`Check now`, pressed a hundred times: the customer's name servers are asked once every three seconds at most."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import Entry
from certificates.issuance import wishes
from certificates.models import AcmeOrder, Issuance
from tests.conftest import NOW
from tests.factories import plan_for
from validation import probing
from validation.models import Authorization

pytestmark = pytest.mark.django_db


@pytest.fixture
def wanted(alice) -> Issuance:
    plan = plan_for(alice)
    issuance = Issuance.objects.create(plan=plan, names=[], created_at=NOW)
    order = AcmeOrder.objects.create(
        issuance=issuance,
        account=plan.product.ca_accounts.get(),
        url="https://ca.example/order/1",
        waiting_for="customer",
        created_at=NOW,
        due_at=NOW + timedelta(minutes=10),
    )
    row = Authorization.objects.create(
        owner=alice,
        url="https://ca.example/authz/1",
        identifier="shop.example",
        method="dns-01",
        created_at=NOW,
        due_at=NOW + timedelta(hours=1),
    )
    order.authorizations.add(row)
    return issuance


def later() -> None:
    Authorization.objects.update(due_at=NOW + timedelta(hours=1))


def test_a_click_looks_at_once(wanted, alice):
    assert wishes.look_again(wanted, by=alice, now=NOW) == 1
    assert Authorization.objects.get().due_at == NOW


def test_a_second_click_at_once_asks_nobody(wanted, alice):
    wishes.look_again(wanted, by=alice, now=NOW)
    later()
    assert wishes.look_again(wanted, by=alice, now=NOW + timedelta(seconds=1)) == 0
    assert Authorization.objects.get().due_at > NOW + timedelta(minutes=1)
    assert wishes.look_again(wanted, by=alice, now=NOW + probing.GAP) == 1


def test_only_a_click_that_had_a_look_taken_is_remembered(wanted, alice, support):
    looked = Entry.objects.filter(action="support:looked_again")
    for second in range(3):
        wishes.look_again(wanted, by=alice, now=NOW + timedelta(milliseconds=second))
        later()
    assert looked.count() == 1
    Authorization.objects.update(shown_at=NOW)
    wishes.look_again(wanted, by=alice, now=NOW + timedelta(hours=1))
    assert looked.count() == 1
    wishes.look_again(wanted, by=support, now=NOW + timedelta(hours=1), reason="called")
    assert looked.count() == 2


def test_support_is_not_held_back(wanted, alice, support):
    wishes.look_again(wanted, by=alice, now=NOW)
    later()
    assert wishes.look_again(wanted, by=support, now=NOW + timedelta(seconds=1)) == 1
