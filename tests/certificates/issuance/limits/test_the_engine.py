"""Orders keep to the limits: who waits is told until when, and goes in the order of coming."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from certificates.models import CaUse, Certificate
from tests.certificates.connectors.rough_ca import Reply, problem
from tests.certificates.issuance.desk import newest
from tests.certificates.issuance.limits.places import limit, use

pytestmark = pytest.mark.django_db


def test_an_order_over_the_limit_is_not_sent_and_goes_when_its_slot_comes(desk, alice):
    limit(desk.account, "orders", 1, 600)
    desk.run_until_issued(desk.wish(alice, "one.example"))
    sent = desk.ca.asked_for["newOrder"]
    second = desk.wish(alice, "two.example")
    desk.run(timedelta(minutes=1))
    order = newest(second)
    assert desk.ca.asked_for["newOrder"] == sent
    assert order.status == "pending"
    assert order.waiting_for == "ca"
    assert order.intent_at is None
    assert order.problem["type"] == "chancery:limit"
    assert order.due_at == CaUse.objects.get(kind="orders").at + timedelta(seconds=600)
    desk.check()
    desk.run_until_issued(second, timedelta(minutes=15))
    assert CaUse.objects.filter(kind="orders").count() == 2


def test_the_customer_reads_when_the_next_slot_is(desk, alice):
    desk.clock.move_to(datetime(2026, 11, 23, 14, 0, 10, tzinfo=UTC))
    limit(desk.account, "orders", 1, 1900)
    use(desk.account, "orders", desk.now)
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(seconds=5))
    standing = desk.standing(wanted)
    assert "Next slot 14:32 UTC." in standing.sentence
    assert standing.slug == "checking"
    assert standing.who == "ca"
    assert "Next slot 14:32 UTC." in newest(wanted).problem["detail"]


def test_a_slot_on_another_day_says_which(desk, alice):
    desk.clock.move_to(datetime(2026, 11, 23, 14, 0, 10, tzinfo=UTC))
    limit(desk.account, "domain", 1, 7 * 24 * 3600)
    use(desk.account, "domain", desk.now, "shop.example")
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(seconds=5))
    sentence = desk.standing(wanted).sentence
    assert "one domain" in sentence
    assert "30 November, 14:0" in sentence


def test_orders_are_served_in_the_order_of_their_coming(desk, alice, bob):
    limit(desk.account, "orders", 1, 600)
    use(desk.account, "orders", desk.now)
    wishes = []
    for n in range(4):
        wishes.append(desk.wish(bob if n % 2 else alice, f"n{n}.example"))
        desk.wait(timedelta(seconds=1))
        while desk.step():
            pass
    desk.run(timedelta(hours=1))
    issued = [Certificate.objects.get(issuance=wanted).issued_at for wanted in wishes]
    assert issued == sorted(issued)
    assert all(later - earlier > timedelta(seconds=590) for earlier, later in pairwise(issued))
    assert desk.ca.asked_for["newOrder"] == 4


def test_waiting_orders_do_not_ask_again_and_again(desk, alice):
    limit(desk.account, "orders", 1, 24 * 3600)
    use(desk.account, "orders", desk.now)
    wanted = desk.wish(alice, "shop.example")
    order = desk.settle(wanted)
    assert order.problem["type"] == "chancery:limit"
    assert desk.ca.counted <= 1, "at most the account was opened"


def test_a_certificate_is_counted_with_its_storing(desk, alice):
    desk.run_until_issued(desk.wish(alice, "www.shop.example", "shop.example", "other.example"))
    counted = CaUse.objects.filter(kind="domain").values_list("subject", flat=True)
    assert sorted(counted) == ["other.example", "shop.example"]
    assert CaUse.objects.filter(kind="set").count() == 1
    assert CaUse.objects.filter(kind="orders").count() == 1


def test_a_failed_authorization_is_counted_once_however_often_it_is_read(desk, alice):
    desk.ca.validates = "invalid"
    wanted = desk.wish(alice, "shop.example", "other.example")
    desk.run(timedelta(hours=2))
    assert newest(wanted).status == "invalid"
    assert sorted(CaUse.objects.filter(kind="failures").values_list("subject", flat=True)) == [
        "other.example",
        "shop.example",
    ]


def test_a_name_that_failed_too_often_is_not_tried_before_its_slot(desk, alice):
    from certificates import issuance

    limit(desk.account, "failures", 2)
    desk.ca.validates = "invalid"
    wanted = desk.wish(alice, "shop.example")
    for _try in range(2):
        desk.run(timedelta(minutes=5))
        issuance.try_again(wanted, by=alice, now=desk.now)
    sent = desk.ca.asked_for["newOrder"]
    desk.ca.validates = "valid"
    desk.run(timedelta(minutes=5))
    assert desk.ca.asked_for["newOrder"] == sent == 2
    assert "in vain too often" in desk.standing(wanted).sentence
    desk.run_until_issued(wanted, timedelta(hours=2))


def test_a_refused_order_gives_its_place_back(desk, alice, bob):
    limit(desk.account, "orders", 1, 24 * 3600)
    desk.ca.spoil("newOrder", problem("rejectedIdentifier", 403))
    refused = desk.wish(alice, "shop.example")
    desk.run(timedelta(minutes=1))
    refused.refresh_from_db()
    assert refused.state == "failed"
    assert CaUse.objects.filter(kind="orders").count() == 0
    desk.run_until_issued(desk.wish(bob, "other.example"), timedelta(minutes=10))


def test_an_order_whose_answer_was_lost_holds_one_place(desk, alice):
    limit(desk.account, "orders", 5)
    desk.ca.spoil("newOrder", Reply(dies="before"), Reply(dies="before"), acts=True)
    wanted = desk.wish(alice, "shop.example")
    desk.run_until_issued(wanted)
    assert desk.ca.asked_for["newOrder"] == 3
    (counted,) = CaUse.objects.filter(kind="orders")
    assert counted.at == newest(wanted).intent_at
