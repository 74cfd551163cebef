"""A paid order is never lost, never doubled, never fulfilled unpaid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from accounts.models import Letter
from audit.models import Entry
from orders import checkout, fulfilment
from orders.fulfilment import UnknownSession, settle, years_later
from orders.gateways import GatewayUnavailable
from orders.models import Order, Payment, Plan, Refund
from outbound import unwatch, watch
from tests.conftest import NOW
from tests.factories import PaymentFactory

SOON = NOW + timedelta(minutes=1)


def state_of(order):
    return Order.objects.get(pk=order.pk).state


def test_money_opens_a_plan(payment, order, buyer, gateway):
    gateway.pay(payment.session_id)
    settled = settle(payment.session_id, SOON)
    assert (settled.state, settled.received_amount, settled.due_at) == ("paid", 2800, None)
    saved = Order.objects.get(pk=order.pk)
    assert (saved.state, saved.paid_at) == ("paid", SOON)
    plan = Plan.objects.get()
    assert (plan.owner, plan.state, plan.single_names, plan.wildcard_names, plan.years) == (
        buyer,
        "open",
        2,
        0,
        1,
    )
    assert (plan.starts_at, plan.ends_at) == (SOON, SOON.replace(year=2027))


def test_the_owner_is_told_where_to_go_on(payment, order, gateway):
    gateway.pay(payment.session_id)
    settle(payment.session_id, SOON)
    letter = Letter.objects.get()
    assert (letter.to, letter.subject) == ("alice@example.org", "Payment received: shop.example")
    assert "28.00 EUR" in letter.body
    assert f"http://localhost:8000{fulfilment.set_up_path(Plan.objects.get())}" in letter.body
    assert letter.order_id == order.pk


def test_the_story_is_remembered(payment, order, gateway):
    gateway.pay(payment.session_id)
    settle(payment.session_id, SOON)
    actions = Entry.objects.of_order(order.pk).values_list("action", flat=True)
    assert list(actions)[2:] == ["payment:started", "order:paid", "plan:opened"]


def test_ten_calls_settle_once(payment, order, gateway):
    gateway.pay(payment.session_id)
    for _again in range(10):
        settle(payment.session_id, SOON)
    assert Plan.objects.count() == Letter.objects.count() == 1
    assert Entry.objects.filter(action="order:paid").count() == 1


@pytest.mark.parametrize("unpaid", ["open", "processing"])
def test_coming_back_without_money_opens_nothing(payment, order, gateway, unpaid):
    if unpaid == "processing":
        gateway.begin_delayed(payment.session_id)
    assert settle(payment.session_id, SOON).state == unpaid
    assert state_of(order) == "awaiting_payment"
    assert not Plan.objects.exists()


def test_nothing_to_pay_is_not_paid(payment, order, gateway):
    gateway.pay(payment.session_id, payment_status="no_payment_required", payment_intent=None)
    assert settle(payment.session_id, SOON).state == "mismatch"
    assert state_of(order) == "awaiting_payment"


@pytest.mark.parametrize(
    ("changed", "received", "word"),
    [
        ({"amount_total": 2799}, 2799, "amount"),
        ({"amount_total": 2801}, 2801, "amount"),
        ({"amount_total": 1}, 1, "amount"),
        ({"currency": "huf"}, 0, "currency"),
        ({"client_reference_id": "0b5a5e0e-0000-4000-8000-000000000000"}, 2800, "another order"),
    ],
)
def test_money_that_does_not_match_opens_nothing_and_is_seen(
    payment, order, gateway, changed, received, word
):
    gateway.pay(payment.session_id, **changed)
    settled = settle(payment.session_id, SOON)
    assert (settled.state, settled.received_amount) == ("mismatch", received)
    assert word in settled.problem
    assert state_of(order) == "awaiting_payment"
    assert not Plan.objects.exists()
    assert not Refund.objects.exists()
    entry = Entry.objects.get(action="payment:mismatch")
    assert entry.order_id == order.pk


def test_a_mismatch_stays_one_however_often_it_is_told(payment, order, gateway):
    gateway.pay(payment.session_id, amount_total=1)
    settle(payment.session_id, SOON)
    gateway.sessions[payment.session_id]["amount_total"] = 2800
    settle(payment.session_id, SOON)
    assert state_of(order) == "awaiting_payment"


def test_a_total_changed_under_an_open_page_is_a_mismatch(payment, order, gateway):
    Order.objects.filter(pk=order.pk).update(total=9900)
    gateway.pay(payment.session_id)
    assert settle(payment.session_id, SOON).state == "mismatch"
    assert not Plan.objects.exists()


def test_a_stranger_page_is_none_of_ours(payment, order, gateway):
    other = dict(
        gateway.sessions[payment.session_id],
        id="cs_test_other",
        client_reference_id="another shop",
        metadata={},
    )
    gateway.sessions["cs_test_other"] = other
    gateway.pay("cs_test_other")
    with pytest.raises(UnknownSession):
        settle("cs_test_other", SOON)
    assert state_of(order) == "awaiting_payment"


def test_a_page_whose_answer_was_lost_is_recognised_by_its_marks(order, buyer, gateway):
    gateway.lose_answers = 2
    with pytest.raises(GatewayUnavailable):
        checkout.start_payment(order, by=buyer, now=NOW)
    session_id = next(iter(gateway.sessions))
    gateway.pay(session_id)
    assert settle(session_id, SOON).session_id == session_id
    assert state_of(order) == "paid"


def test_money_for_a_cancelled_order_still_buys_the_plan(payment, order, buyer, gateway):
    Order.objects.filter(pk=order.pk).update(state="cancelled")
    gateway.pay(payment.session_id)
    settle(payment.session_id, SOON)
    assert state_of(order) == "paid"
    assert Plan.objects.count() == 1


def test_a_second_payment_of_one_order_is_given_back(payment, order, gateway):
    Payment.objects.filter(pk=payment.pk).update(state="expired")
    second = PaymentFactory(order=order, attempt=2, amount=2800, session_id="cs_test_second")
    gateway.sessions["cs_test_second"] = dict(gateway.sessions[payment.session_id], id="cs_test_second")
    gateway.pay("cs_test_second")
    gateway.pay(payment.session_id)
    settle("cs_test_second", SOON)
    assert settle(payment.session_id, SOON).state == "mismatch"
    refund = Refund.objects.get()
    assert (refund.payment_id, refund.amount, refund.state) == (payment.pk, 2800, "wanted")
    assert Plan.objects.count() == 1
    assert state_of(order) == "paid"
    assert second.pk != payment.pk


def test_money_after_expiry_and_failure_still_counts(payment, order, gateway):
    gateway.expire(payment.session_id)
    assert settle(payment.session_id, SOON).state == "expired"
    gateway.pay(payment.session_id)
    assert settle(payment.session_id, SOON).state == "paid"
    assert state_of(order) == "paid"


def test_a_delayed_payment_that_fails_leaves_the_order_to_be_paid(payment, order, buyer, gateway):
    gateway.begin_delayed(payment.session_id)
    settle(payment.session_id, SOON)
    gateway.delayed_fails(payment.session_id)
    assert settle(payment.session_id, SOON).state == "failed"
    assert settle(payment.session_id, SOON).due_at is None
    letter = Letter.objects.get()
    assert letter.subject == "Payment failed: shop.example"
    assert f"/orders/{order.pk}/" in letter.body
    assert checkout.start_payment(order, by=buyer, now=SOON).attempt == 2


def test_an_expired_page_does_not_come_back_to_life(payment, gateway):
    gateway.expire(payment.session_id)
    settle(payment.session_id, SOON)
    gateway.sessions[payment.session_id]["status"] = "open"
    assert settle(payment.session_id, SOON).state == "expired"


def test_nothing_is_written_when_the_gateway_does_not_answer(payment, order, gateway):
    gateway.answers = [500, 500]
    with pytest.raises(GatewayUnavailable):
        settle(payment.session_id, SOON)
    assert Payment.objects.get().state == "open"


def test_a_failure_half_way_leaves_nothing_half_done(payment, order, gateway, monkeypatch):
    gateway.pay(payment.session_id)

    def broken(*args, **kwargs):
        raise RuntimeError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(fulfilment, "write_receipt_letter", broken)
        with pytest.raises(RuntimeError):
            settle(payment.session_id, SOON)
    assert Payment.objects.get().state == "open"
    assert not Plan.objects.exists()
    settle(payment.session_id, SOON)
    assert state_of(order) == "paid"


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_during_a_remote_call(order, buyer, gateway, monkeypatch):
    seen = []

    def watcher(moment, this):
        if moment == "before":
            seen.append((this.name, connection.in_atomic_block))

    watch(watcher)
    payment = checkout.start_payment(order, by=buyer, now=NOW)
    gateway.pay(payment.session_id)
    settle(payment.session_id, SOON)
    unwatch(watcher)
    assert seen == [("gateway.sessions.create", False), ("gateway.sessions.retrieve", False)]


@pytest.mark.parametrize(
    ("start", "years", "end"),
    [
        (datetime(2026, 11, 23, 12, tzinfo=UTC), 1, datetime(2027, 11, 23, 12, tzinfo=UTC)),
        (datetime(2028, 2, 29, tzinfo=UTC), 1, datetime(2029, 2, 28, tzinfo=UTC)),
        (datetime(2028, 2, 29, tzinfo=UTC), 4, datetime(2032, 2, 29, tzinfo=UTC)),
    ],
)
def test_years_are_calendar_years(start, years, end):
    assert years_later(start, years) == end
