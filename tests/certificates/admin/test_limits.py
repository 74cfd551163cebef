"""Limits in the admin: Let's Encrypt's by one button, others by hand, and who waits for them is asked again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import Entry
from certificates.models import AcmeOrder, CaAccount, CaLimit
from tests.certificates.admin.test_account import filled
from tests.factories import CaAccountFactory, UserFactory
from tests.portal.walk_rows import whole_story

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(alice):
    return whole_story(alice).account


def page(account):
    return reverse("admin:certificates_caaccount_change", args=[account.pk])


def button(account):
    return reverse("admin:certificates_caaccount_limits", args=[account.pk])


def waiting(account) -> AcmeOrder:
    order = AcmeOrder.objects.filter(account=account).open().first()
    AcmeOrder.objects.filter(pk=order.pk).update(
        url=None, due_at=timezone.now() + timedelta(days=1), problem={"type": "chancery:limit"}
    )
    return order


def test_one_button_enters_lets_encrypts_limits(oscar, account):
    order = waiting(account)
    assert "Enter Let's Encrypt's limits" in oscar.get(page(account)).content.decode()
    response = oscar.post(button(account), follow=True)
    assert "4 limits were entered." in response.content.decode()
    assert account.limits.count() == 4
    assert Entry.objects.filter(action="staff:changed", object_id=str(account.pk)).exists()
    order.refresh_from_db()
    assert order.due_at <= timezone.now()
    assert "of each kind already" in oscar.post(button(account), follow=True).content.decode()
    assert account.limits.count() == 4


def test_support_has_no_such_button(client, support, account):
    client.force_login(support)
    assert client.post(button(account)).status_code == 403
    assert not CaLimit.objects.exists()


def test_a_customers_account_has_its_patterns_limits(oscar, account):
    child = CaAccountFactory(parent=account, customer=UserFactory(), directory_url=account.directory_url)
    oscar.post(button(child))
    assert account.limits.count() == 4
    assert child.limits.count() == 0
    assert "limits-TOTAL_FORMS" not in oscar.get(page(child)).content.decode()


def test_a_limit_by_hand_is_stored_and_wakes_who_waits(oscar, account):
    order = waiting(account)
    data = filled(
        name=account.name,
        directory_url=account.directory_url,
        **{
            "limits-TOTAL_FORMS": 1,
            "limits-0-kind": "orders",
            "limits-0-amount": 20,
            "limits-0-seconds": 60,
            "limits-0-account": str(account.pk),
        },
    )
    issuer = account.issuers.get()
    data |= {
        "issuers-TOTAL_FORMS": 1,
        "issuers-INITIAL_FORMS": 1,
        "issuers-0-id": issuer.pk,
        "issuers-0-account": str(account.pk),
        "issuers-0-product": str(issuer.product_id),
        "issuers-0-position": 0,
        "issuers-0-profile": "",
    }
    response = oscar.post(page(account), data)
    assert response.status_code == 302, response.context["errors"]
    limit = account.limits.get()
    assert (limit.kind, limit.amount, limit.seconds) == ("orders", 20, 60)
    order.refresh_from_db()
    assert order.due_at <= timezone.now()


def test_a_ca_that_is_down_says_so_with_what_it_said(oscar, account):
    account.failures, account.trouble = 7, "no answer <b>"
    account.resting_until = timezone.now() + timedelta(minutes=4)
    account.save()
    html = oscar.get(page(account)).content.decode()
    assert "no answer &lt;b&gt;" in html
    assert "Down: left in peace until" in html


def test_an_order_shows_what_it_has_cost_its_ca(oscar, account):
    order = AcmeOrder.objects.filter(account=account).first()
    AcmeOrder.objects.filter(pk=order.pk).update(requests=9)
    least = 5 + 3 * len(order.issuance.names)
    for url in (
        reverse("admin:certificates_acmeorder_changelist"),
        reverse("admin:certificates_acmeorder_change", args=[order.pk]),
        reverse("admin:certificates_issuance_change", args=[order.issuance_id]),
        reverse("staff_plan", args=[order.issuance.plan_id]),
    ):
        assert f"9, least {least}" in oscar.get(url).content.decode(), url


def test_what_a_certificate_has_cost_is_told_over_all_its_tries(oscar, account):
    order = AcmeOrder.objects.filter(account=account).first()
    AcmeOrder.objects.filter(pk=order.pk).update(requests=9, status="invalid", ended_at=timezone.now())
    AcmeOrder.objects.create(
        issuance=order.issuance, account=account, attempt=2, created_at=timezone.now(), requests=12
    )
    url = reverse("admin:certificates_issuance_change", args=[order.issuance_id])
    assert "21 in 2 orders, least 8" in oscar.get(url).content.decode()
    CaAccount.objects.filter(pk=account.pk).update(shared=False)
    assert "21 in 2 orders, least 7" in oscar.get(url).content.decode()
