"""A change of rows that a query finds, built once, changes the rows that the ORM's would."""

from __future__ import annotations

from datetime import timedelta

import pytest

from certificates.issuance.waking import wake_needing
from certificates.models import AcmeOrder
from leases.prepared_updates import PreparedUpdate
from tests.conftest import NOW
from tests.factories import issuance_for, plan_for
from validation.models import Authorization

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=10)


def order_needing(owner, *names: str, **columns) -> AcmeOrder:
    order = issuance_for(plan_for(owner), **columns).acme_orders.get()
    for name in names:
        row, _made = Authorization.objects.get_or_create(
            url=f"https://ca.example/authz/{name}",
            defaults={"owner": owner, "identifier": name, "method": "dns-01", "created_at": NOW},
        )
        order.authorizations.add(row)
    return order


def test_only_the_sleeping_orders_that_need_the_name_are_woken(alice):
    asleep = order_needing(alice, "one.example", "two.example", due_at=LATER)
    ended = order_needing(alice, "one.example", due_at=None)
    other = order_needing(alice, "two.example", due_at=LATER)
    one = Authorization.objects.get(identifier="one.example")
    for moment in (NOW, NOW - timedelta(minutes=1)):
        AcmeOrder.objects.filter(pk=asleep.pk).update(due_at=LATER)
        assert wake_needing(one, moment) == 1
        asleep.refresh_from_db()
        assert asleep.due_at == moment
    assert wake_needing(one, NOW) == 0
    assert AcmeOrder.objects.get(pk=ended.pk).due_at is None
    assert AcmeOrder.objects.get(pk=other.pk).due_at == LATER


def test_a_value_that_does_not_stand_in_the_statement_is_refused(alice):
    due_at = AcmeOrder._meta.get_field("due_at")
    broken = PreparedUpdate(lambda now: (AcmeOrder.objects.filter(tries=3), {"tries": 4}), due_at)
    with pytest.raises(ValueError, match="does not stand in it"):
        broken(NOW)
