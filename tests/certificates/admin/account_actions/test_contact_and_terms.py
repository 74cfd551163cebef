"""Contact and terms: stored, sent, and what the CA did not hear is not believed."""

from __future__ import annotations

import pytest
from django.utils import timezone

from audit.models import Entry
from certificates.models import CaAccount
from tests.certificates.admin.account_actions.forms import address, said, stored
from tests.certificates.admin.test_account import page
from tests.certificates.connectors.rough_ca import Reply, problem

pytestmark = pytest.mark.django_db


def test_a_new_contact_is_stored_and_sent(oscar, ca, account):
    response = oscar.post(page(account), stored(account, contact="new@portal.example"), follow=True)
    assert "The CA has the contact" in said(response)
    assert ca.updates == [{"contact": ["mailto:new@portal.example"]}]
    oscar.post(page(account), stored(account, contact="new@portal.example", name="Other name"))
    assert len(ca.updates) == 1, "nothing new to tell"
    oscar.post(page(account), stored(account, contact="", name="Other name"))
    assert ca.updates[-1] == {"contact": []}


@pytest.mark.parametrize(
    "reply",
    [problem("invalidContact", detail="<b>No MX</b>"), problem("serverInternal", 500), Reply(dies="before")],
)
def test_a_contact_that_the_ca_did_not_take_is_kept_and_sent_again_by_the_button(oscar, ca, account, reply):
    ca.spoil("account", reply)
    response = oscar.post(page(account), stored(account, contact="new@portal.example"), follow=True)
    assert "stored here, but the CA has not been told" in said(response)
    assert "<b>No MX</b>" not in response.content.decode()
    account.refresh_from_db()
    assert account.contact == "new@portal.example"
    assert "The CA has the contact" in said(oscar.post(address(account, "contact"), follow=True))
    assert ca.updates == [{"contact": ["mailto:new@portal.example"]}]
    assert oscar.get(address(account, "contact")).status_code == 405


def test_a_contact_of_an_account_not_opened_yet_goes_with_its_opening(oscar, ca, account):
    CaAccount.objects.filter(pk=account.pk).update(account_url="")
    oscar.post(page(account), stored(account, contact="new@portal.example"))
    assert ca.updates == []
    assert "not opened yet" in said(oscar.post(address(account, "contact"), follow=True))


def terms(ca, url: str) -> None:
    ca.directory["meta"] = {"termsOfService": url}


def test_new_terms_are_found_by_the_connection_test_shown_and_agreed_to(oscar, operator, ca, account):
    terms(ca, "https://ca.example/terms/1")
    CaAccount.objects.filter(pk=account.pk).update(
        terms_agreed_at=timezone.now(),
        terms_url="https://ca.example/terms/1",
        terms_offered="https://ca.example/terms/1",
    )
    url = address(account, "terms")
    assert url not in oscar.get(page(account)).content.decode()
    assert "no new terms" in said(oscar.get(url, follow=True))
    terms(ca, "https://ca.example/terms/2")
    assert "other terms of service" in oscar.post(address(account, "test")).content.decode()
    text = oscar.get(page(account)).content.decode()
    assert "other terms of service" in text
    assert url in text
    assert "https://ca.example/terms/2" in oscar.get(url).content.decode()
    assert oscar.post(url, {}).status_code == 422
    assert ca.updates == []
    response = oscar.post(url, {"agreed": "on"}, follow=True)
    assert "are agreed to" in said(response)
    account.refresh_from_db()
    assert (account.terms_url, account.has_new_terms) == ("https://ca.example/terms/2", False)
    assert ca.updates == [{"contact": ["mailto:ops@portal.example"], "termsOfServiceAgreed": True}]
    entry = Entry.objects.get(action="ca_account:terms_agreed")
    assert (entry.actor, entry.details["terms"]) == (operator.email, "https://ca.example/terms/2")


@pytest.mark.parametrize(
    ("reply", "agreed"), [(problem("serverInternal", 500), False), (problem("malformed"), True)]
)
def test_agreement_that_the_ca_did_not_hear_is_not_stored(oscar, ca, account, reply, agreed):
    CaAccount.objects.filter(pk=account.pk).update(terms_offered="https://ca.example/terms/2")
    ca.spoil("account", reply)
    oscar.post(address(account, "terms"), {"agreed": "on"})
    account.refresh_from_db()
    assert (account.terms_agreed_at is not None) == agreed


def test_where_the_ca_waits_for_the_operator_is_a_link(oscar, account):
    account.pause("userActionRequired: new terms", timezone.now(), "https://ca.example/agree/1")
    text = oscar.get(page(account)).content.decode()
    assert 'href="https://ca.example/agree/1"' in text
    assert address(account, "resume") in text


def test_a_place_to_go_that_is_no_web_page_is_no_link(oscar, account):
    account.pause("userActionRequired", timezone.now(), "javascript:alert(1)")
    assert 'href="javascript' not in oscar.get(page(account)).content.decode()
