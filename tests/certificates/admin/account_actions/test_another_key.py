"""Another key for the account: confirmed with a reason, refused in words, never undone by a form."""

from __future__ import annotations

import pytest
from django.utils import timezone

from audit.models import Entry
from certificates.connection import connect
from certificates.models import CaAccount
from tests.certificates.admin.account_actions.forms import address, names, said, stored
from tests.certificates.admin.test_account import page
from tests.certificates.connectors.rough_ca import problem
from tests.factories import issuance_for, plan_for
from validation.models import Authorization

pytestmark = pytest.mark.django_db


def test_the_key_is_changed_after_a_confirmation_with_a_reason(oscar, operator, ca, account):
    before, url = bytes(account.sealed_key), address(account, "key")
    assert url in oscar.get(page(account)).content.decode()
    asked = oscar.get(url).content.decode()
    assert "Change the key" in asked
    assert ca.asked_for["keyChange"] == 0
    assert oscar.post(url, {"reason": ""}).status_code == 422
    response = oscar.post(url, {"reason": "yearly change"}, follow=True)
    assert "another key now" in said(response)
    account.refresh_from_db()
    assert bytes(account.sealed_key) != before
    wanted, changed = Entry.objects.filter(action__startswith="ca_account:key").order_by("pk")
    assert (wanted.actor, wanted.details["reason"]) == (operator.email, "yearly change")
    assert changed.action == "ca_account:key_changed"
    assert connect(account).account().url == account.account_url


def test_a_change_that_has_to_wait_for_customers_is_refused_in_words(oscar, ca, account, alice):
    wanted = issuance_for(plan_for(alice, "shop.example", account=account), due_at=timezone.now())
    order = wanted.acme_orders.get()
    row = Authorization.objects.create(
        owner=alice, url="https://ca.example/authz/1", identifier="shop.example", method="dns-01",
        created_at=timezone.now(), shown_at=timezone.now(),
    )  # fmt: skip
    order.authorizations.add(row)
    response = oscar.post(address(account, "key"), {"reason": "yearly change"}, follow=True)
    assert "For 1 name the record is in place" in said(response)
    assert ca.asked_for["keyChange"] == 0


def test_a_refused_change_points_to_the_audit_log(oscar, ca, account):
    ca.spoil("keyChange", problem("badPublicKey"))
    response = oscar.post(address(account, "key"), {"reason": "yearly change"}, follow=True)
    assert "was not changed" in said(response)
    assert names(account) == ["key_wanted", "key_kept"]


def test_an_unfinished_change_is_shown(oscar, ca, account):
    CaAccount.objects.filter(pk=account.pk).update(sealed_next_key=account.sealed_key)
    text = oscar.get(page(account)).content.decode()
    assert "is not finished" in text
    assert "Its key is being changed" in text


def test_saving_the_form_never_brings_an_old_key_back(oscar, ca, account, monkeypatch):
    """The form was opened before the key was changed, and is saved after it."""
    from certificates.admin.account import CaAccountAdmin

    seen = CaAccountAdmin.save_model

    def late(self, request, obj, form, change):
        CaAccount.objects.filter(pk=account.pk).update(
            sealed_key=b"new",
            account_url="https://ca.example/account/new",
            paused_why="meanwhile",
            failures=7,
        )
        seen(self, request, obj, form, change)

    monkeypatch.setattr(CaAccountAdmin, "save_model", late)
    assert oscar.post(page(account), stored(account, name="Renamed")).status_code == 302
    account.refresh_from_db()
    assert (account.name, bytes(account.sealed_key), account.account_url, account.failures) == (
        "Renamed", b"new", "https://ca.example/account/new", 7,
    )  # fmt: skip
