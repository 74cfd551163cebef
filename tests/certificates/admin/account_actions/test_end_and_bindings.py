"""An account is given up by its typed name; a binding can be replaced."""

from __future__ import annotations

import pytest
from django.utils import timezone

from audit.models import Entry
from certificates.connection import connect, register
from certificates.models import AcmeOrder, CaAccount
from certificates.vault import seal_for_account
from tests.certificates.admin.account_actions.forms import address, said, stored
from tests.certificates.admin.test_account import HMAC, page
from tests.certificates.connectors.rough_ca import Reply
from tests.factories import issuance_for, plan_for

pytestmark = pytest.mark.django_db


def test_an_account_is_given_up_only_by_its_typed_name(oscar, operator, ca, account):
    url, at_ca = address(account, "give-up"), account.account_url
    assert oscar.post(url, {"typed": "keyed ca", "reason": "moving on"}).status_code == 422
    assert ca.updates == []
    response = oscar.post(url, {"typed": "Keyed CA", "reason": "moving on"}, follow=True)
    assert "given up and disabled" in said(response)
    assert ca.closed == {at_ca}
    account.refresh_from_db()
    assert (account.enabled, account.account_url, account.sealed_key) == (False, "", None)
    entry = Entry.objects.get(action="ca_account:deactivated")
    assert (entry.actor, entry.details) == (operator.email, {"reason": "moving on", "url": at_ca})


def test_an_account_in_use_is_not_given_up(oscar, ca, account, alice):
    wanted = issuance_for(plan_for(alice, "shop.example", account=account), due_at=timezone.now())
    AcmeOrder.objects.filter(issuance=wanted).update(intent_at=timezone.now())
    response = oscar.post(
        address(account, "give-up"), {"typed": "Keyed CA", "reason": "moving on"}, follow=True
    )
    assert "1 order is under way" in said(response)
    assert ca.updates == []
    account.refresh_from_db()
    assert account.enabled


@pytest.mark.parametrize("acts", [True, False])
def test_an_end_whose_answer_was_lost_is_repeated(oscar, ca, account, acts):
    ca.spoil("account", Reply(dies="before"), acts=acts)
    data = {"typed": "Keyed CA", "reason": "moving on"}
    assert "was not given up" in said(oscar.post(address(account, "give-up"), data, follow=True))
    account.refresh_from_db()
    assert (account.enabled, account.account_url != "") == (False, True), "no new order begins meanwhile"
    assert "given up and disabled" in said(oscar.post(address(account, "give-up"), data, follow=True))
    assert len(ca.closed) == 1


@pytest.mark.parametrize("word", ["externalAccountRequired", "unauthorized"])
def test_a_binding_can_be_replaced_when_the_ca_refuses_it(oscar, ca, account, word):
    sealed = bytes(account.sealed_key)
    fixed = oscar.get(page(account)).content.decode()
    assert 'name="eab_hmac"' not in fixed
    account.pause(f"urn:ietf:params:acme:error:{word}: Binding revoked.", timezone.now())
    assert 'name="eab_hmac"' in oscar.get(page(account)).content.decode()
    assert oscar.post(page(account), stored(account, eab_kid="kid-2", eab_hmac=HMAC)).status_code == 302
    account.refresh_from_db()
    assert (account.eab_kid, account.account_url) == ("kid-2", "")
    assert account.sealed_key is None or bytes(account.sealed_key) != sealed
    register(account, connect(account), timezone.now())
    assert ca.bindings == ["kid-2"]
    account.refresh_from_db()
    assert account.sealed_eab_hmac is None


def test_a_spent_binding_does_not_keep_the_form_from_being_saved(oscar, ca, account):
    CaAccount.objects.filter(pk=account.pk).update(eab_kid="kid-1")
    account.pause("unauthorized", timezone.now())
    assert oscar.post(page(account), stored(account, eab_kid="kid-1", name="Renamed")).status_code == 302


@pytest.mark.parametrize(("reusable", "status"), [("", 200), ("on", 302)])
def test_one_account_per_customer_needs_a_binding_that_serves_several(oscar, account, reusable, status):
    CaAccount.objects.filter(pk=account.pk).update(
        account_url="", eab_kid="kid-1", sealed_eab_hmac=seal_for_account(account, "eab hmac", HMAC.encode())
    )
    data = stored(account, eab_kid="kid-1", per_customer="on", eab_reusable=reusable)
    response = oscar.post(page(account), data)
    assert response.status_code == status
    if status == 200:
        assert "per_customer" in response.context["adminform"].form.errors
