"""Gateway events, in any order and any number, about anything."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from accounts.models import Letter
from audit.models import Entry
from orders.events import process_event
from orders.models import GatewayEvent, Order, Payment, Plan, Refund
from tests.conftest import NOW
from tests.orders.fake_gateway import event

SOON = NOW + timedelta(minutes=1)
KINDS = {
    "completed": "checkout.session.completed",
    "async_succeeded": "checkout.session.async_payment_succeeded",
    "async_failed": "checkout.session.async_payment_failed",
    "expired": "checkout.session.expired",
}
numbers = itertools.count()


def tell(kind, thing, **payload):
    """Store an event as the webhook does, and work it as the sweep does."""
    document = {**event(KINDS.get(kind, kind), thing, f"evt_{next(numbers)}"), **payload}
    GatewayEvent.objects.create(
        id=document["id"],
        gateway="stripe",
        kind=document["type"],
        payload=document,
        received_at=SOON,
        due_at=SOON,
    )
    row = GatewayEvent.objects.claim(document["id"], SOON)
    process_event(row, SOON)
    return GatewayEvent.objects.get(pk=row.pk)


def state_of(order):
    return Order.objects.get(pk=order.pk).state


@pytest.mark.parametrize("told", list(itertools.permutations(["completed", "async_succeeded", "expired"])))
def test_events_in_every_order_end_in_one_plan(payment, order, gateway, told):
    gateway.begin_delayed(payment.session_id)
    gateway.delayed_arrives(payment.session_id)
    for kind in told:
        assert tell(kind, {"id": payment.session_id}).due_at is None
    assert state_of(order) == "paid"
    assert Plan.objects.count() == Letter.objects.count() == 1


@pytest.mark.parametrize("told", list(itertools.permutations(["completed", "async_succeeded", "expired"])))
def test_no_order_of_events_opens_a_plan_before_the_money_is_there(payment, order, gateway, told):
    gateway.begin_delayed(payment.session_id)
    for kind in told:
        tell(
            kind,
            {"id": payment.session_id, "payment_status": "paid", "status": "complete", "amount_total": 2800},
        )
    assert Payment.objects.get().state == "processing"
    assert state_of(order) == "awaiting_payment"
    assert not Plan.objects.exists()


@pytest.mark.parametrize("told", list(itertools.permutations(["completed", "async_failed"])))
def test_a_failed_payment_is_one_in_every_order(payment, order, gateway, told):
    gateway.begin_delayed(payment.session_id)
    gateway.delayed_fails(payment.session_id)
    for kind in told:
        tell(kind, {"id": payment.session_id})
    assert Payment.objects.get().state == "failed"
    assert Letter.objects.get().kind == "payment_failed"


def test_the_event_is_not_believed_about_the_amount(payment, order, gateway):
    gateway.pay(payment.session_id, amount_total=1)
    tell("completed", {"id": payment.session_id, "amount_total": 2800, "payment_status": "paid"})
    assert Payment.objects.get().state == "mismatch"
    assert state_of(order) == "awaiting_payment"


def test_an_unknown_kind_is_kept_and_not_used(payment, gateway):
    before = gateway.calls.total()
    row = tell("customer.created", {"id": "cus_1"})
    assert (row.outcome, row.processed_at, row.due_at) == ("not used", SOON, None)
    assert gateway.calls.total() == before


@pytest.mark.parametrize("thing", [{"id": "cs_of_another_shop"}, {}, {"id": 7}])
def test_an_event_about_nothing_of_ours_ends_its_story(payment, gateway, thing):
    row = tell("completed", thing)
    assert row.due_at is None
    assert row.processed_at == SOON
    assert row.outcome


@pytest.mark.parametrize("data", [None, [], "x", {"object": None}])
def test_an_event_of_a_wrong_shape_ends_its_story(payment, gateway, data):
    assert tell("completed", {}, data=data).outcome.startswith("not ours")


def test_while_the_gateway_is_out_of_reach_the_event_waits(payment, order, gateway):
    gateway.pay(payment.session_id)
    gateway.answers = [503]
    row = tell("completed", {"id": payment.session_id})
    assert (row.tries, row.processed_at) == (1, None)
    assert row.due_at == SOON + timedelta(seconds=15)
    claimed = GatewayEvent.objects.claim(row.pk, row.due_at)
    process_event(claimed, row.due_at)
    assert state_of(order) == "paid"


def test_a_refund_made_over_there_is_seen_here(payment, order, gateway):
    gateway.pay(payment.session_id)
    tell("completed", {"id": payment.session_id})
    intent = Payment.objects.get().intent_id
    refund_id = gateway.refund_over_there(intent, 1000)
    tell("charge.refunded", {"id": "ch_1", "payment_intent": intent})
    tell("refund.created", {"id": refund_id, "payment_intent": intent})
    assert state_of(order) == "partially_refunded"
    refund = Refund.objects.get()
    assert (refund.amount, refund.asked_by, refund.state) == (1000, "stripe", "succeeded")
    assert Plan.objects.get().state == "open"
    gateway.refund_over_there(intent, 1800)
    tell("charge.refunded", {"id": "ch_1", "payment_intent": intent})
    assert state_of(order) == "refunded"
    assert Plan.objects.get().state == "suspended"


def test_a_dispute_suspends_and_its_winning_resumes(payment, order, gateway):
    gateway.pay(payment.session_id)
    tell("completed", {"id": payment.session_id})
    Plan.objects.get().activate()
    intent = Payment.objects.get().intent_id
    dispute = gateway.dispute(intent)
    tell("charge.dispute.created", {"id": dispute, "payment_intent": intent})
    assert state_of(order) == "disputed"
    assert Plan.objects.get().state == "suspended"
    gateway.disputes[dispute]["status"] = "won"
    tell("charge.dispute.closed", {"id": dispute, "payment_intent": intent})
    assert state_of(order) == "paid"
    assert Plan.objects.get().state == "active"
    assert list(Entry.objects.of_plan(Plan.objects.get().pk).values_list("action", flat=True)) == [
        "plan:opened",
        "plan:suspended",
        "plan:resumed",
    ]


def test_dispute_events_the_wrong_way_round_end_the_same(payment, order, gateway):
    gateway.pay(payment.session_id)
    tell("completed", {"id": payment.session_id})
    intent = Payment.objects.get().intent_id
    dispute = gateway.dispute(intent, status="won")
    tell("charge.dispute.closed", {"id": dispute, "payment_intent": intent})
    tell("charge.dispute.created", {"id": dispute, "payment_intent": intent})
    assert state_of(order) == "paid"
    assert Plan.objects.get().state == "open"


def test_a_lost_dispute_is_money_gone(payment, order, gateway):
    gateway.pay(payment.session_id)
    tell("completed", {"id": payment.session_id})
    intent = Payment.objects.get().intent_id
    dispute = gateway.dispute(intent, status="lost")
    tell("charge.dispute.closed", {"id": dispute, "payment_intent": intent})
    tell("charge.refunded", {"id": "ch_1", "payment_intent": intent})
    assert state_of(order) == "refunded"
    assert Plan.objects.get().state == "suspended"


def test_an_inquiry_is_no_dispute(payment, order, gateway):
    gateway.pay(payment.session_id)
    tell("completed", {"id": payment.session_id})
    intent = Payment.objects.get().intent_id
    dispute = gateway.dispute(intent, status="warning_needs_response")
    row = tell("charge.dispute.created", {"id": dispute, "payment_intent": intent})
    assert "inquiry" in row.outcome
    assert state_of(order) == "paid"


def test_a_dispute_of_somebody_elses_payment_is_not_ours(payment, order, gateway):
    row = tell("charge.dispute.created", {"id": "du_9", "payment_intent": "pi_unknown"})
    assert row.outcome.startswith("not ours")
