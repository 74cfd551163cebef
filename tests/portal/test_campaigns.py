"""The operators' pages of a mass reissue: look first, start with a reason, watch, stop."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import Entry
from certificates.models import CaAccount, Campaign, Certificate, Issuance, ProductIssuer
from tests.conftest import NOW
from tests.factories import CaAccountFactory, UserFactory, certificate_for, plan_for

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _time_of_the_tests():
    import time_machine

    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def accounts(alice):
    left, other = CaAccountFactory(name="CA X"), CaAccountFactory(name="CA Y", caa_identities=[])
    certificate(alice, left, other, "shop.example")
    return left, other


def certificate(owner, left, other, name) -> Certificate:
    plan = plan_for(owner, name, account=left)
    ProductIssuer.objects.create(product=plan.product, account=other, position=1)
    row = certificate_for(plan)
    Certificate.objects.filter(pk=row.pk).update(account=left)
    return row


def asked(accounts, **changes) -> dict[str, object]:
    left, other = accounts
    return {"from_account": left.pk, "to_account": other.pk, "per_hour": 60} | changes


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


def test_the_account_leads_to_the_dry_run_which_changes_nothing(client, operator, accounts):
    client.force_login(operator)
    page = text_of(client.get(reverse("admin:certificates_caaccount_change", args=[accounts[0].pk])))
    assert reverse("staff_campaign_new") in page
    page = text_of(client.get(reverse("staff_campaign_new"), {"from_account": accounts[0].pk}))
    assert f'value="{accounts[0].pk}" selected' in page
    page = text_of(client.get(reverse("staff_campaign_new"), asked(accounts)))
    assert "<strong>1</strong> of 1 customer" in page
    assert "shop.example" in page
    assert (Campaign.objects.count(), Issuance.objects.count()) == (0, 1)


@pytest.mark.parametrize(
    "wrong", [{"per_hour": "0"}, {"per_hour": "x"}, {"to_account": "nobody"}, {"per_hour": "9999"}]
)
def test_what_makes_no_sense_is_told_beside_its_field(client, operator, accounts, wrong):
    client.force_login(operator)
    assert client.get(reverse("staff_campaign_new"), asked(accounts, **wrong)).status_code == 422
    assert (
        client.post(
            reverse("staff_campaign_start"), asked(accounts, reason="the CA closes", **wrong)
        ).status_code
        == 422
    )
    assert Campaign.objects.count() == 0


def test_it_starts_with_a_reason_only_and_is_remembered(client, operator, accounts):
    client.force_login(operator)
    answer = client.post(reverse("staff_campaign_start"), asked(accounts, reason=""))
    assert answer.status_code == 422
    assert "shop.example" in text_of(answer)
    answer = client.post(reverse("staff_campaign_start"), asked(accounts, reason="the CA closes"))
    campaign = Campaign.objects.get()
    assert answer["Location"] == reverse("staff_campaign", args=[campaign.pk])
    assert (campaign.reason, campaign.per_hour, campaign.asked_by) == ("the CA closes", 60, operator)
    entry = Entry.objects.get(action="campaign:started")
    assert (entry.actor, entry.details["reason"]) == (operator.email, "the CA closes")
    # A second press of the button starts no second one.
    client.post(reverse("staff_campaign_start"), asked(accounts, reason="the CA closes"))
    assert Campaign.objects.count() == 1


def test_it_is_paused_resumed_and_cancelled_from_its_page(client, operator, accounts):
    client.force_login(operator)
    client.post(reverse("staff_campaign_start"), asked(accounts, reason="the CA closes"))
    campaign = Campaign.objects.get()
    for verb, state in (
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
        ("resume", "cancelled"),
    ):
        answer = client.post(reverse("staff_campaign_steer", args=[campaign.pk, verb]), follow=True)
        campaign.refresh_from_db()
        assert campaign.state == state
        assert answer.status_code == 200
    assert client.post(reverse("staff_campaign_steer", args=[campaign.pk, "explode"])).status_code == 404
    assert client.get(reverse("staff_campaign_steer", args=[campaign.pk, "pause"])).status_code == 405
    words = (
        Entry.objects.filter(action__startswith="campaign:").order_by("pk").values_list("action", flat=True)
    )
    assert [word.partition(":")[2] for word in words] == ["started", "paused", "resumed", "cancelled"]


def test_support_may_watch_and_nothing_else(client, support, operator, accounts):
    client.force_login(operator)
    client.post(reverse("staff_campaign_start"), asked(accounts, reason="the CA closes"))
    campaign = Campaign.objects.get()
    client.force_login(support)
    page = text_of(client.get(reverse("staff_campaign", args=[campaign.pk])))
    assert "To come" in page
    assert "Cancel the rest" not in page
    assert client.post(reverse("staff_campaign_steer", args=[campaign.pk, "cancel"])).status_code == 403
    assert client.get(reverse("staff_campaign_new")).status_code == 403


def test_the_progress_page_costs_the_same_however_many_there_are(client, operator, accounts):
    client.force_login(operator)
    client.post(reverse("staff_campaign_start"), asked(accounts, reason="the CA closes"))
    campaign, url = Campaign.objects.get(), reverse("staff_campaign", args=[Campaign.objects.get().pk])

    def cost() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert client.get(url).status_code == 200
        return len(caught)

    def begin(count: int) -> None:
        for n in range(count):
            plan = plan_for(UserFactory(), f"n{n}.example", account=CaAccount.objects.first())
            Issuance.objects.create(plan=plan, names=[], created_at=NOW, campaign=campaign)

    begin(1)
    client.get(url)
    few = cost()
    begin(12)
    assert cost() == few
