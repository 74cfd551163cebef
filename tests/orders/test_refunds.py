"""Money going back: asked for once, carried out once, and plans stand still when all of it is gone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import Entry
from orders import refunds
from orders.fulfilment import settle
from orders.models import Order, Payment, Plan, Refund
from orders.refunds import NotRefundable, execute_refund, refund
from tests.conftest import NOW

SOON = NOW + timedelta(minutes=1)


@pytest.fixture
def paid(payment, gateway):
    gateway.pay(payment.session_id)
    return settle(payment.session_id, SOON)


def carry_out(at=SOON):
    row = Refund.objects.claim_next(at)
    execute_refund(row, at)
    return Refund.objects.get(pk=row.pk)


def order_state():
    return Order.objects.get().state


def test_a_full_refund_suspends_the_plan(paid, operator, gateway):
    wanted = refund(paid, 2800, "changed their mind", by=operator, now=SOON)
    assert (wanted.state, wanted.asked_by, wanted.due_at) == ("wanted", "oscar@portal.example", SOON)
    assert gateway.all_refunds == {}
    done = carry_out()
    assert (done.state, done.due_at) == ("succeeded", None)
    assert done.gateway_id in gateway.all_refunds
    assert order_state() == "refunded"
    assert Plan.objects.get().state == "suspended"


def test_a_part_leaves_the_plan_alone(paid, operator, gateway):
    refund(paid, 900, "one name less", by=operator, now=SOON)
    carry_out()
    assert order_state() == "partially_refunded"
    assert Plan.objects.get().state == "open"
    refund(paid, 1900, "the rest", by=operator, now=SOON)
    carry_out()
    assert order_state() == "refunded"


@pytest.mark.parametrize("amount", [0, -1, 2801, 10**9])
def test_it_refuses_more_than_was_paid(paid, operator, amount):
    with pytest.raises(NotRefundable):
        refund(paid, amount, "x", by=operator, now=SOON)
    assert not Refund.objects.exists()


def test_what_is_on_its_way_counts(paid, operator):
    refund(paid, 2000, "x", by=operator, now=SOON)
    with pytest.raises(NotRefundable):
        refund(paid, 2000, "x", by=operator, now=SOON)


def test_an_unpaid_order_has_nothing_to_give_back(payment, operator):
    with pytest.raises(NotRefundable):
        refund(payment, 1, "x", by=operator, now=SOON)


def test_a_lost_answer_does_not_refund_twice(paid, operator, gateway):
    refund(paid, 2800, "x", by=operator, now=SOON)
    gateway.lose_answers = 2
    waiting = carry_out()
    assert waiting.state == "wanted"
    assert waiting.due_at > SOON
    done = carry_out(waiting.due_at)
    assert done.state == "succeeded"
    assert len(gateway.all_refunds) == 1


def test_even_after_the_key_was_forgotten_it_does_not_refund_twice(paid, operator, gateway):
    refund(paid, 1000, "x", by=operator, now=SOON)
    gateway.lose_answers = 2
    carry_out()
    gateway.kept.clear()
    carry_out(NOW + timedelta(days=2))
    assert len(gateway.all_refunds) == 1


def test_a_pending_refund_is_watched(paid, operator, gateway):
    gateway.refund_status = "pending"
    refund(paid, 2800, "x", by=operator, now=SOON)
    waiting = carry_out()
    assert (waiting.state, order_state()) == ("pending", "paid")
    next(iter(gateway.all_refunds.values()))["status"] = "succeeded"
    assert carry_out(waiting.due_at).state == "succeeded"
    assert order_state() == "refunded"
    assert gateway.calls["POST /v1/refunds"] == 1


def test_a_refusal_is_seen_and_can_be_asked_again(paid, operator, gateway):
    refund(paid, 2800, "x", by=operator, now=SOON)
    gateway.answers = [None, 400]
    failed = carry_out()
    assert (failed.state, failed.due_at) == ("failed", None)
    assert failed.problem
    assert Entry.objects.filter(action="refund:failed").count() == 1
    assert order_state() == "paid"
    refund(paid, 2800, "again", by=operator, now=SOON)
    assert carry_out().state == "succeeded"


def test_a_refund_that_the_bank_sends_back_gives_the_plan_back(paid, operator, gateway):
    refund(paid, 2800, "x", by=operator, now=SOON)
    done = carry_out()
    gateway.all_refunds[done.gateway_id]["status"] = "failed"
    refunds.sync(Payment.objects.get(), SOON)
    assert order_state() == "paid"
    assert Plan.objects.get().state == "open"
    assert Entry.objects.filter(action="refund:failed").count() == 1


def test_money_that_did_not_match_can_be_given_back(payment, operator, gateway):
    gateway.pay(payment.session_id, amount_total=5000)
    wrong = settle(payment.session_id, SOON)
    refund(wrong, 5000, "wrong amount", by=operator, now=SOON)
    assert carry_out().state == "succeeded"
    assert order_state() == "awaiting_payment"


def test_it_is_remembered_once(paid, operator, gateway):
    refund(paid, 2800, "x", by=operator, now=SOON)
    done = carry_out()
    refunds.sync(Payment.objects.get(), SOON)
    told = Entry.objects.of_order(Order.objects.get().pk).filter(action__contains="refund")
    assert list(told.values_list("action", "actor")) == [
        ("refund:asked", "oscar@portal.example"),
        ("order:refunded", "stripe"),
    ]
    assert told.last().details["amount"] == done.amount
