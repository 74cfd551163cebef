"""An order that expires while it waits: what follows depends on whether anybody attended to it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Letter
from certificates import issuance
from certificates.models import AcmeOrder
from certificates.progress import progress_of
from tests.certificates.issuance.desk import newest
from validation.models import Authorization, Delegation

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def hasty(desk):
    """A CA like Pebble: what it wants to see is good for an hour. Nobody publishes anything."""
    desk.shows = False
    desk.ca.authz_life = HOUR
    return desk


def letters(kind: str):
    return Letter.objects.filter(kind=kind)


def test_a_plan_abandoned_for_thirty_days_costs_one_order_and_one_mail(hasty, alice):
    wanted = hasty.wish(alice, "shop.example")
    hasty.run(30 * DAY)
    assert hasty.ca.asked_for["newOrder"] == 1
    assert [letter.kind for letter in Letter.objects.all()] == ["order_expired"]
    assert newest(wanted).waiting_for == "customer"
    assert newest(wanted).due_at is None
    assert not AcmeOrder.objects.filter(waiting_for="operator").exists()
    hasty.check()


def test_the_letter_says_that_nothing_was_seen_and_blames_nobody(hasty, alice):
    hasty.wish(alice, "shop.example", "www.shop.example")
    hasty.run(DAY)
    letter = letters("order_expired").get()
    assert letter.to == alice.email
    assert letter.subject == "shop.example: what was to be published has expired"
    assert "has expired before we saw it" in letter.body
    assert "www.shop.example" in letter.body
    assert "fault" not in letter.body


def test_an_expired_request_waits_for_its_customer_and_is_no_failure(hasty, alice):
    wanted = hasty.wish(alice, "shop.example")
    hasty.run(DAY)
    standing = hasty.standing(wanted)
    assert standing.slug == "waiting_for_you"
    assert "expired" in standing.sentence
    assert "did not find" not in standing.sentence
    assert not [step for step in progress_of(wanted) if step.state == "failed"]
    assert not Authorization.objects.filter(status="pending", due_at__isnull=False).exists()


def test_who_comes_back_gets_new_values_and_the_certificate_and_no_mail_about_it(hasty, alice):
    wanted = hasty.wish(alice, "shop.example")
    hasty.run(9 * DAY)
    before = Letter.objects.count()
    issuance.try_again(wanted, by=alice, now=hasty.now)
    hasty.run(timedelta(minutes=2))
    assert hasty.ca.asked_for["newOrder"] == 2
    assert Letter.objects.count() == before
    hasty.shows = True
    hasty.run_until_issued(wanted)


def test_who_comes_back_and_leaves_again_is_told_once_more_and_no_more(hasty, alice):
    wanted = hasty.wish(alice, "shop.example")
    hasty.run(DAY)
    issuance.try_again(wanted, by=alice, now=hasty.now)
    hasty.run(30 * DAY)
    assert hasty.ca.asked_for["newOrder"] == 2
    assert letters("order_expired").count() == 2


def test_who_was_at_it_gets_the_next_order_at_once_and_is_asked_for_new_values(hasty, alice):
    wanted = hasty.wish(alice, "shop.example")
    hasty.run(timedelta(minutes=10))
    issuance.look_again(wanted, by=alice, now=hasty.now)
    hasty.run(HOUR)
    assert wanted.acme_orders.count() == 2
    letter = letters("publish_again").get()
    assert "ran out of time" in letter.body
    assert "no fault" not in letter.body
    assert not letters("order_expired").exists()
    hasty.run(30 * DAY)
    assert wanted.acme_orders.count() == 2
    assert (letters("publish_again").count(), letters("order_expired").count()) == (1, 1)


def test_who_published_one_name_of_two_gets_one_more_order_and_not_one_an_hour(hasty, alice):
    wanted = hasty.wish(alice, "shop.example", "www.shop.example")

    def show_one():
        Authorization.objects.filter(identifier="shop.example", status="pending").update(shown_at=hasty.now)

    hasty.run(timedelta(minutes=40))
    show_one()
    hasty.run(timedelta(minutes=25))
    assert wanted.acme_orders.count() == 2
    hasty.run(timedelta(minutes=50))
    show_one()
    hasty.run(30 * DAY)
    assert wanted.acme_orders.count() == 2
    assert newest(wanted).waiting_for == "customer"


def test_somebody_busy_all_day_is_no_task_for_an_operator(hasty, alice):
    wanted = hasty.wish(alice, "shop.example")
    for _hour in range(12):
        hasty.run(timedelta(minutes=30))
        issuance.look_again(wanted, by=alice, now=hasty.now)
        hasty.run(timedelta(minutes=35))
    assert wanted.acme_orders.count() > 6
    assert newest(wanted).waiting_for == "customer"
    assert not AcmeOrder.objects.filter(waiting_for="operator").exists()


# --- what proves itself, and what nobody asked for -----------------------------------------------------------


def set_up_once(owner, name, now):
    Delegation.objects.create(
        owner=owner, identifier=name, kind="cname", zone="dcv.example", created_at=now, seen_at=now
    )


def test_what_is_set_up_once_is_tried_again_by_itself_without_mails_or_operators(hasty, alice):
    wanted = hasty.wish(alice, "shop.example")
    set_up_once(alice, "shop.example", hasty.now)
    hasty.run(3 * DAY)
    assert 5 <= hasty.ca.asked_for["newOrder"] <= 13
    assert not Letter.objects.exists()
    assert not AcmeOrder.objects.filter(waiting_for="operator").exists()
    hasty.shows = True
    hasty.run_until_issued(wanted)


def test_one_name_that_proves_itself_does_not_keep_an_abandoned_one_going(hasty, alice):
    wanted = hasty.wish(alice, "shop.example", "www.shop.example")
    set_up_once(alice, "shop.example", hasty.now)
    hasty.run(timedelta(minutes=5))
    Authorization.objects.filter(identifier="shop.example").update(shown_at=hasty.now)
    hasty.run(30 * DAY)
    assert wanted.acme_orders.count() == 1
    assert letters("order_expired").get().body.count("www.shop.example") == 1


def test_a_certificate_that_nobody_asked_for_brings_no_letter_of_expiry(hasty, alice):
    wanted = hasty.wish(alice, "shop.example")
    type(wanted).objects.filter(pk=wanted.pk).update(requested_by=None)
    hasty.run(30 * DAY)
    assert hasty.ca.asked_for["newOrder"] == 1
    assert not Letter.objects.exists()
    assert newest(wanted).waiting_for == "customer"
