"""Certificates per domain and set: laid by with the intent, given up where none comes of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from certificates.issuance import slots
from certificates.models import AcmeOrder, CaUse, Certificate
from tests.certificates.connectors.rough_ca import Reply, problem
from tests.certificates.issuance.desk import newest
from tests.certificates.issuance.limits.places import HOUR, laid_by, limit

pytestmark = pytest.mark.django_db


def test_an_order_under_way_counts_for_its_domain_and_its_set(desk, alice, bob):
    limit(desk.account, "domain", 1, 24 * 3600)
    desk.shows = False
    desk.wish(alice, "www.shop.example")
    desk.run(timedelta(minutes=1))
    assert laid_by() == [("domain", "shop.example"), ("set", "the set")]
    second = desk.wish(bob, "mail.shop.example")
    desk.run(timedelta(minutes=1))
    assert desk.ca.asked_for["newOrder"] == 1
    assert newest(second).problem["limit"] == "domain"


def test_a_certificate_counts_from_its_storing_and_once(desk, alice):
    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(hours=2))
    desk.shows = True
    desk.run_until_issued(wanted)
    assert laid_by() == [("domain", "shop.example"), ("set", "the set")]
    stored = Certificate.objects.get().issued_at
    assert set(CaUse.objects.exclude(kind="orders").values_list("at", flat=True)) == {stored}
    assert CaUse.objects.get(kind="orders").at < stored - HOUR


def test_an_order_from_before_its_places_were_laid_by_is_counted_with_its_storing_too(desk, alice):
    desk.shows = False
    wanted = desk.wish(alice, "shop.example", "other.example")
    desk.run(timedelta(minutes=1))
    CaUse.objects.filter(subject="shop.example").delete()
    desk.shows = True
    desk.run_until_issued(wanted)
    assert laid_by() == [("domain", "other.example"), ("domain", "shop.example"), ("set", "the set")]


def test_an_order_that_ends_without_a_certificate_gives_its_place_up_and_who_waits_is_served(
    desk, alice, bob
):
    limit(desk.account, "domain", 1, 7 * 24 * 3600)
    desk.shows = False
    desk.wish(alice, "www.shop.example")
    desk.run(timedelta(minutes=1))
    second = desk.wish(bob, "mail.shop.example")
    desk.run(timedelta(minutes=1))
    desk.ca.validates = "invalid"
    desk.show_all()
    desk.run(timedelta(minutes=5), until=lambda: desk.ca.asked_for["newOrder"] == 2)
    desk.ca.validates = "valid"
    desk.shows = True
    desk.run(timedelta(minutes=5), until=lambda: Certificate.objects.exists())
    assert Certificate.objects.get().issuance == second
    assert laid_by() == [("domain", "shop.example"), ("set", "the set")]


def test_a_withdrawn_request_gives_its_place_up(desk, alice):
    from certificates.issuance import wishes

    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(minutes=1))
    assert laid_by()
    wishes.withdraw(wanted, by=alice, now=desk.now)
    desk.run(timedelta(minutes=1))
    assert laid_by() == []


def test_an_order_that_the_ca_no_longer_knows_gives_its_place_to_its_successor(desk, alice):
    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(minutes=1))
    first = newest(wanted)
    from certificates.issuance import closing
    from certificates.issuance.walk import Walk

    AcmeOrder.objects.filter(pk=first.pk).wake(desk.now)
    claimed = AcmeOrder.objects.claim(first.pk, desk.now)
    walk = Walk(order=claimed, clock=lambda: desk.now, lease_at=desk.now)
    closing.start_afresh(walk, {"type": "chancery:test", "detail": "gone"})
    assert laid_by() == []
    desk.shows = True
    desk.run(timedelta(minutes=5), until=lambda: Certificate.objects.exists())
    assert laid_by() == [("domain", "shop.example"), ("set", "the set")]


def test_a_refused_order_and_one_sent_again_hold_what_they_laid_by_no_more_than_once(desk, alice):
    desk.ca.spoil("newOrder", Reply(dies="before"), acts=True)
    wanted = desk.wish(alice, "shop.example")
    desk.run_until_issued(wanted)
    assert desk.ca.asked_for["newOrder"] == 2
    assert laid_by() == [("domain", "shop.example"), ("set", "the set")]
    desk.ca.spoil("newOrder", problem("rejectedIdentifier", 403))
    desk.wish(alice, "other.example")
    desk.run(timedelta(minutes=1))
    assert ("domain", "other.example") not in laid_by()


def test_an_account_without_limits_asks_the_database_no_more_than_before(desk, alice):
    """One statement reads the limits, one writes the intent, one enters all that is counted."""
    from django.test.utils import CaptureQueriesContext

    from certificates.issuance.walk import Walk

    wanted = desk.wish(alice, "shop.example", "www.shop.example")
    claimed = AcmeOrder.objects.select_related("account", "issuance__plan__owner").get(
        pk=AcmeOrder.objects.claim(newest(wanted).pk, desk.now).pk
    )
    walk = Walk(order=claimed, clock=lambda: desk.now, lease_at=desk.now)
    slots.take_slot(walk)
    slots.give_slot_back(walk)
    with CaptureQueriesContext(connection) as asked:
        slots.take_slot(walk)
    statements = [query["sql"].split()[0] for query in asked if "SAVEPOINT" not in query["sql"]]
    assert statements == ["SELECT", "UPDATE", "INSERT"]
    with CaptureQueriesContext(connection) as asked:
        slots.count_certificate(walk, desk.now)
    assert [query["sql"].split()[0] for query in asked] == ["UPDATE"]
