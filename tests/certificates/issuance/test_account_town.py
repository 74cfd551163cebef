"""The account's key and the customers' own accounts, against a real CA."""

from __future__ import annotations

import pytest
from django.utils import timezone

from certificates import issuance
from certificates.connection import speaker
from certificates.issuance.changing_key import NotNow, Outcome, ask, go_on
from certificates.models import AcmeOrder, CaAccount, Certificate
from tests.certificates.issuance.conftest import issue, run_until, show
from tests.factories import plan_for
from validation.models import Challenge

pytestmark = [pytest.mark.town, pytest.mark.django_db]


def wish(owner, account, *names):
    return issuance.request(plan_for(owner, *names, account=account), by=owner, now=timezone.now())


def change(account, operator) -> Outcome:
    ask(account, by=operator, now=timezone.now())
    return go_on(account, by=operator, now=timezone.now())


def test_another_key_serves_the_orders_before_and_after_it(alice, operator, account):
    issue(wish(alice, account, "one.example"))
    waiting = wish(alice, account, "two.example")
    run_until(waiting, lambda: waiting.acme_orders.get().waiting_for == "customer")
    account.refresh_from_db()
    old = speaker(account, bytes(account.sealed_key)).thumbprint
    assert change(account, operator) is Outcome.CHANGED
    account.refresh_from_db()
    new = speaker(account, bytes(account.sealed_key)).thumbprint
    assert new != old
    challenge = Challenge.objects.get(authorization__acme_orders__issuance=waiting, type="dns-01")
    assert challenge.key_authorization == f"{challenge.token}.{new}"
    issue(waiting)
    issue(wish(alice, account, "three.example"))
    assert Certificate.objects.count() == 3


def test_a_record_in_place_is_not_made_void(alice, operator, account):
    waiting = wish(alice, account, "two.example")
    run_until(waiting, lambda: waiting.acme_orders.get().waiting_for == "customer")
    order = waiting.acme_orders.get()
    account.refresh_from_db()
    AcmeOrder.objects.filter(pk=order.pk).update(due_at=None)
    show(order)
    with pytest.raises(NotNow):
        change(account, operator)
    AcmeOrder.objects.filter(pk=order.pk).update(due_at=timezone.now())
    issue(waiting)
    assert change(account, operator) is Outcome.CHANGED


def test_each_customers_orders_go_through_their_own_account(alice, bob, account):
    CaAccount.objects.filter(pk=account.pk).update(per_customer=True)
    account.refresh_from_db()
    for owner, name in ((alice, "one.example"), (bob, "two.example"), (alice, "three.example")):
        issue(wish(owner, account, name))
    children = CaAccount.objects.filter(parent=account)
    assert len({child.account_url for child in children} - {""}) == 2
    assert {row.account.customer_id for row in Certificate.objects.all()} == {alice.pk, bob.pk}
