"""The owner's switch: what it says, whom it obeys, and that it is remembered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import Entry
from certificates.models import RenewalInfo
from certificates.renewal.opening import open_row
from tests.conftest import NOW
from tests.factories import certificate_for, plan_for


@pytest.fixture
def plan(alice):
    plan = plan_for(alice)
    open_row(certificate_for(plan), NOW)
    return plan


def page_of(client, plan) -> str:
    return " ".join(client.get(reverse("overview", args=[plan.pk])).content.decode().split())


def press(client, plan, on: str):
    return client.post(reverse("automatic", args=[plan.pk]), {"on": on}, follow=True)


def test_the_page_says_when_the_next_one_is_ordered_and_the_switch_takes_it_back(browser, alice, plan):
    client, row = browser(alice), RenewalInfo.objects.get()
    words = f"The next certificate will be ordered by itself on {row.reissue_at:%-d %B %Y}."
    assert words in page_of(client, plan)
    press(client, plan, "no")
    page = page_of(client, plan)
    assert words not in page
    assert "Automatic reissue is off" in page
    assert "get it here from" in page
    press(client, plan, "yes")
    assert words in page_of(client, plan)


def test_each_change_is_remembered_once(browser, alice, plan):
    client = browser(alice)
    for on in ("no", "no", "yes", "perhaps", ""):
        press(client, plan, on)
    entries = Entry.objects.filter(action="activation:automatic_changed", plan_id=plan.pk)
    assert [entry.details["automatic"] for entry in entries.order_by("pk")] == [False, True]
    assert {(entry.actor, str(entry.address)) for entry in entries} == {("alice@example.org", "203.0.113.7")}


def test_nobody_else_can_press_it(browser, bob, support, operator, plan):
    for person in (bob, support, operator):
        assert press(browser(person), plan, "no").status_code == 404
    assert Client().post(reverse("automatic", args=[plan.pk]), {"on": "no"}).status_code == 302
    plan.activation.refresh_from_db()
    assert plan.activation.automatic is True


def test_what_waits_for_the_switch_is_looked_at_now_and_nothing_else(browser, alice, plan):
    client, later = browser(alice), NOW + timedelta(hours=6)
    press(client, plan, "no")
    RenewalInfo.objects.update(due_at=later)
    press(client, plan, "yes")
    assert RenewalInfo.objects.get().due_at == later
    press(client, plan, "no")
    RenewalInfo.objects.update(reissue_at=NOW - timedelta(hours=1))
    press(client, plan, "yes")
    assert RenewalInfo.objects.get().due_at == NOW


def test_what_stands_in_the_way_is_the_standing(browser, alice, plan):
    told = "The private key of your CSR became known."
    RenewalInfo.objects.update(problem={"type": "chancery:renewal_key_compromised", "detail": told})
    page = page_of(browser(alice), plan)
    assert "Reissue due" in page
    assert told in page
    assert "ordered by itself on" not in page
