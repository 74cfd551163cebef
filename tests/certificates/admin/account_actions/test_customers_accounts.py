"""One account per customer: listed on demand, led by its pattern."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from certificates.connection import connect, register
from certificates.issuance.opening_account import account_for
from certificates.models import AcmeOrder, CaAccount
from tests.certificates.admin.account_actions.forms import address, said, stored
from tests.certificates.admin.test_account import page
from tests.factories import issuance_for, plan_for

pytestmark = pytest.mark.django_db


def test_the_list_shows_the_houses_accounts_and_customers_on_demand(oscar, account, alice):
    CaAccount.objects.filter(pk=account.pk).update(per_customer=True)
    child = account_for(account, alice, timezone.now())
    url = reverse("admin:certificates_caaccount_changelist")
    shown = {
        whose: oscar.get(url, {"whose": whose} if whose else {}).context["cl"].queryset
        for whose in ("", "customers", "all")
    }
    assert account in shown[""]
    assert child not in shown[""]
    assert set(shown["customers"]) == {child}
    assert {account, child} <= set(shown["all"])


def test_a_customers_account_is_read_and_led_by_its_pattern(oscar, account, alice):
    CaAccount.objects.filter(pk=account.pk).update(per_customer=True)
    account.refresh_from_db()
    child = account_for(account, alice, timezone.now())
    text = oscar.get(page(child)).content.decode()
    assert 'name="_save"' not in text
    assert alice.email in text
    assert page(account) in text
    assert oscar.post(page(child), stored(child)).status_code == 403
    assert (
        oscar.post(
            page(account), stored(account, contact="led@portal.example", per_customer="on")
        ).status_code
        == 302
    )
    child.refresh_from_db()
    assert child.contact == "led@portal.example"


def test_a_customers_account_that_was_given_up_opens_another_with_the_next_order(oscar, ca, account, alice):
    CaAccount.objects.filter(pk=account.pk).update(per_customer=True)
    account.refresh_from_db()
    child = account_for(account, alice, timezone.now())
    register(child, connect(child), timezone.now())
    first = child.account_url
    response = oscar.post(
        address(child, "give-up"), {"typed": child.name, "reason": "by request"}, follow=True
    )
    assert "given up" in said(response)
    assert ca.closed == {first}
    child.refresh_from_db()
    assert (child.enabled, child.account_url) == (True, "")
    register(child, connect(child), timezone.now())
    assert child.account_url not in {"", first}


def test_the_pattern_counts_the_orders_of_its_customers(oscar, account, alice):
    CaAccount.objects.filter(pk=account.pk).update(per_customer=True)
    account.refresh_from_db()
    wanted = issuance_for(plan_for(alice, "shop.example", account=account))
    child = account_for(account, alice, timezone.now())
    AcmeOrder.objects.filter(issuance=wanted).update(account=child)
    url = reverse("admin:certificates_caaccount_changelist")
    rows = oscar.get(url, {"whose": "all"}).context["cl"].queryset
    assert {row.pk: row.waiting_orders for row in rows} == {account.pk: 1, child.pk: 1}


def test_orders_are_filtered_by_the_houses_accounts_and_found_with_their_customers(oscar, account, alice):
    CaAccount.objects.filter(pk=account.pk).update(per_customer=True)
    account.refresh_from_db()
    wanted = issuance_for(plan_for(alice, "shop.example", account=account))
    elsewhere = issuance_for(plan_for(alice, "other.example"))
    child = account_for(account, alice, timezone.now())
    AcmeOrder.objects.filter(issuance=wanted).update(account=child)
    url = reverse("admin:certificates_acmeorder_changelist")
    listed = oscar.get(url, {"ca": str(account.pk)})
    assert [order.issuance for order in listed.context["cl"].queryset] == [wanted]
    assert f"?ca={child.pk}" not in listed.content.decode()
    assert f"?ca={account.pk}" in oscar.get(page(account)).content.decode()
    theirs = re.search(r'acmeorder/\?([^"]+)"', oscar.get(page(child)).content.decode()).group(1)
    assert list(oscar.get(f"{url}?{theirs}").context["cl"].queryset) == [wanted.acme_orders.get()]
    everything = oscar.get(url, {"ca": "nonsense"}).context["cl"].queryset
    assert {order.issuance for order in everything} == {wanted, elsewhere}


def test_resuming_the_pattern_wakes_the_customers_orders(oscar, account, alice):
    CaAccount.objects.filter(pk=account.pk).update(per_customer=True)
    account.refresh_from_db()
    wanted = issuance_for(plan_for(alice, "shop.example", account=account), waiting_for="operator")
    child = account_for(account, alice, timezone.now())
    AcmeOrder.objects.filter(issuance=wanted).update(
        account=child, due_at=timezone.now() + timedelta(hours=1)
    )
    account.pause("userActionRequired", timezone.now())
    assert "pattern of this account is paused" in oscar.get(page(child)).content.decode()
    oscar.post(address(account, "resume"))
    assert wanted.acme_orders.get().due_at <= timezone.now()


@pytest.mark.parametrize("name", ["key", "contact", "terms", "give-up"])
def test_support_reaches_none_of_it(client, support, account, name):
    client.force_login(support)
    assert (
        client.post(address(account, name), {"reason": "because", "typed": account.name}).status_code == 403
    )
