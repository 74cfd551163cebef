"""Plans without a CA, next certificates that are not ordered, and those a mass reissue left out: each stands on the board."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from certificates import issuance
from certificates.campaigns import engine as campaigns
from certificates.issuance import breaker
from certificates.issuance.wishes import NotReady
from certificates.models import (
    Activation,
    CaAccount,
    Campaign,
    Certificate,
    Issuance,
    RenewalInfo,
    Revocation,
)
from certificates.renewal import engine
from orders.models import Plan
from portal.backlog import backlogs
from portal.staff.stuck import board
from portal.staff.stuck.row import Stuck
from tests.factories import CaAccountFactory, certificate_for, issuance_for, plan_for

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]


@pytest.fixture
def now() -> datetime:
    return timezone.now()


def listed(now: datetime) -> dict[tuple[str, str], list[Stuck]]:
    """Return {(who must act, group's title): rows}."""
    sections = board(now, lambda permission: True, list(backlogs(now)))
    return {(section.who, str(group.title)): group.rows for section in sections for group in section.groups}


def only(now: datetime, who: str, title: str) -> Stuck:
    found = listed(now)
    assert list(found) == [(who, title)]
    (row,) = found[who, title]
    return row


# --- no CA for the product ------------------------------------------------------------------------------

NO_CA = ("operator", "No CA for the product")


def test_who_reads_that_our_staff_have_been_told_stands_on_the_board(alice, now):
    plan = plan_for(alice, "a.example", "b.example")
    CaAccount.objects.update(enabled=False)
    with pytest.raises(NotReady, match="Our staff have been told"):
        issuance.request(plan, by=alice, now=now)
    row = only(now, *NO_CA)
    assert (row.what, row.names) == (plan.item.order.number, ("a.example", "b.example"))
    assert str(plan.product) in str(row.why)
    assert row.since == plan.activation.methods_done_at
    assert row.acts[0].url == reverse("admin:orders_product_change", args=[plan.product_id])
    assert row.acts[0].needs == "orders.change_product"
    CaAccount.objects.update(enabled=True)
    assert listed(now) == {}


def test_a_plan_whose_certificate_is_valid_comes_after_those_that_have_none(alice, now):
    secured, bare = plan_for(alice, "a.example"), plan_for(alice, "b.example")
    certificate_for(secured, issued_at=now)
    CaAccount.objects.update(enabled=False)
    rows = listed(now)[NO_CA]
    assert [row.names for row in rows] == [("b.example",), ("a.example",)]
    assert "another certificate" in str(rows[1].why)
    assert bare.item.order.number == rows[0].what


@pytest.mark.parametrize("missing", ["csr_done_at", "contacts_done_at", "methods_done_at"])
def test_a_plan_that_its_owner_has_not_set_up_waits_for_its_owner(alice, now, missing):
    plan = plan_for(alice)
    CaAccount.objects.update(enabled=False)
    Activation.objects.filter(plan=plan).update(**{missing: None})
    assert listed(now) == {}


def test_plans_that_can_have_no_certificate_and_orders_under_way_are_not_listed_here(alice, now):
    stopped, ended, running = plan_for(alice), plan_for(alice), plan_for(alice)
    Plan.objects.filter(pk=stopped.pk).update(state="suspended")
    Plan.objects.filter(pk=ended.pk).update(ends_at=now)
    issuance_for(running, created_at=now, due_at=now + timedelta(minutes=1), waiting_for="customer")
    CaAccount.objects.update(enabled=False)
    assert listed(now) == {}


# --- next certificates ----------------------------------------------------------------------------------


def blocked(owner, now, name="shop.example", **activation) -> Certificate:
    """A certificate whose next one is to be ordered now; work its row, as the sweeper does."""
    plan = plan_for(owner, name)
    Plan.objects.filter(pk=plan.pk).update(ends_at=now + timedelta(days=400))
    key = "pasted" if activation.get("csr_source") == "pasted" else "held"
    certificate = certificate_for(plan, issued_at=now - timedelta(days=70), key=key)
    Activation.objects.filter(plan=plan).update(**activation)
    RenewalInfo.objects.create(
        certificate=certificate, reissue_at=now - timedelta(hours=1), due_at=now - timedelta(hours=1)
    )
    return certificate


def work(certificate: Certificate, now: datetime) -> RenewalInfo:
    row = RenewalInfo.objects.get(certificate=certificate)
    engine.look(RenewalInfo.objects.claim(row.pk, now), now)
    return RenewalInfo.objects.get(certificate=certificate)


def test_a_next_certificate_without_a_ca_is_an_operators(alice, now):
    certificate = blocked(alice, now)
    CaAccount.objects.update(enabled=False)
    row = work(certificate, now)
    found = listed(now)
    assert set(found) == {NO_CA, ("operator", "Next certificates that wait for us")}
    (shown,) = found["operator", "Next certificates that wait for us"]
    assert "No CA account that is enabled" in str(shown.why)
    assert f"{certificate.not_after:%Y-%m-%d}" in str(shown.why)
    assert (shown.since, shown.next_at) == (row.reissue_at, row.due_at)
    assert "must put it right" in shown.words


def test_a_ca_that_wants_it_replaced_again_and_again_is_an_operators(alice, now):
    certificate = blocked(alice, now)
    for number in range(3):
        Issuance.objects.create(
            plan=certificate.plan, kind="rekey", state="issued", names=[], replaces=certificate,
            created_at=now - timedelta(hours=number),
        )  # fmt: skip
    work(certificate, now)
    assert "again and again" in str(only(now, "operator", "Next certificates that wait for us").why)


def test_a_set_up_that_is_no_longer_complete_is_its_owners(alice, now):
    work(blocked(alice, now, finished_at=None), now)
    assert "set-up" in str(only(now, "customer", "Next certificates that wait for their owners").why)


def test_a_key_that_became_known_is_its_owners(alice, now):
    certificate = blocked(alice, now, csr_source="pasted", csr_done_at=now - timedelta(days=60))
    other = certificate_for(plan_for(alice, "b.example"), issued_at=now)
    Certificate.objects.filter(pk=other.pk).update(spki_sha256=certificate.spki_sha256)
    Revocation.objects.create(certificate=other, reason=1, asked_at=now, done_at=now)
    work(certificate, now)
    assert "bring a new CSR" in str(only(now, "customer", "Next certificates that wait for their owners").why)


def test_what_its_owner_switched_off_is_no_news_and_what_was_put_right_is_gone(alice, now):
    work(blocked(alice, now, automatic=False), now)
    assert listed(now) == {}
    certificate = blocked(alice, now, "b.example", finished_at=None)
    work(certificate, now)
    assert listed(now)
    Activation.objects.filter(plan=certificate.plan).update(finished_at=now)
    RenewalInfo.objects.filter(certificate=certificate).update(due_at=now)
    work(certificate, now)
    assert ("customer", "Next certificates that wait for their owners") not in listed(now)


# --- mass reissues --------------------------------------------------------------------------------------


def test_a_certificate_that_a_mass_reissue_left_out_stays_there_until_another_one_is_begun(alice, now):
    certificate = certificate_for(plan_for(alice, "a.example"), issued_at=now)
    campaign = Campaign.objects.create(
        from_account=CaAccountFactory(), to_account=CaAccountFactory(), reason="closes", created_at=now, state="done"
    )  # fmt: skip
    campaigns.leave_out(campaign, certificate, "a.example: a CAA record is closed to it.", now)
    row = only(now, "operator", "Left out of a mass reissue")
    assert (row.words, row.names, row.since) == (
        "a.example: a CAA record is closed to it.",
        ("a.example",),
        now,
    )
    assert str(campaign) in str(row.why)
    Campaign.objects.update(state="cancelled")
    assert listed(now) == {}
    Campaign.objects.update(state="done")
    Issuance.objects.create(
        plan=certificate.plan, names=[], created_at=now + timedelta(seconds=1), state="withdrawn"
    )
    assert listed(now) == {}


def test_a_certificate_that_has_ended_is_nothing_that_a_mass_reissue_left_out(alice, now):
    certificate = certificate_for(plan_for(alice, "a.example"), issued_at=now - timedelta(days=91))
    campaign = Campaign.objects.create(
        from_account=CaAccountFactory(), to_account=CaAccountFactory(), reason="closes", created_at=now, state="done"
    )  # fmt: skip
    campaigns.leave_out(campaign, certificate, "closed", now)
    assert listed(now) == {}


# --- since when -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("failures", "rests"), [(5, 30), (6, 30 + 60), (8, 30 + 60 + 120 + 240)])
def test_a_ca_at_rest_says_since_when(now, failures, rests):
    """It has rested `rests` seconds in all when the present rest is over."""
    account = CaAccountFactory(failures=failures, resting_until=now + timedelta(seconds=20), trouble="503")
    assert breaker.down_since(account, now) == now - timedelta(seconds=rests - 20)
    assert only(now, "ca", "CAs that are left in peace").since == now - timedelta(seconds=rests - 20)


def test_while_one_order_tries_whether_the_ca_works_it_is_not_since_tomorrow(now):
    account = CaAccountFactory(failures=5, resting_until=now + timedelta(seconds=90))
    assert breaker.down_since(account, now) == now
    account.failures, account.resting_until = 0, None
    assert breaker.down_since(account, now) is None
