"""No event ever arrives, and still every payment comes to its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orders import checkout
from orders.gateways import GatewayUnavailable
from orders.models import Order, Payment, Plan
from orders.reconciliation import reconcile
from tests.conftest import NOW


def look(at):
    """Claim the payment as the sweep does at that time; None when it is not due."""
    row = Payment.objects.claim_next(at)
    if row is not None:
        reconcile(row, at)
    return Payment.objects.get()


def minutes(count):
    return NOW + timedelta(minutes=count)


def test_it_looks_every_five_minutes_while_the_page_is_open(payment):
    assert Payment.objects.get().due_at == minutes(5)
    assert look(minutes(5)).due_at == minutes(10)
    assert Payment.objects.get().lease_until is None


def test_it_finds_money_that_nobody_told_of(payment, order, gateway):
    gateway.pay(payment.session_id)
    found = look(minutes(5))
    assert (found.state, found.due_at) == ("paid", None)
    assert Order.objects.get(pk=order.pk).state == "paid"
    assert Plan.objects.count() == 1


def test_it_looks_right_after_the_page_closes(payment, gateway):
    assert look(minutes(58)).due_at == minutes(61)
    gateway.expire(payment.session_id)
    assert look(minutes(61)).state == "expired"
    assert Payment.objects.get().due_at is None


def test_a_page_still_open_after_its_time_is_asked_about_again(payment):
    found = look(minutes(70))
    assert (found.state, found.due_at) == ("open", minutes(72))


def test_a_delayed_payment_is_watched_for_days(payment, order, gateway):
    gateway.begin_delayed(payment.session_id)
    assert look(minutes(5)).due_at == minutes(35)
    gateway.delayed_arrives(payment.session_id)
    assert look(NOW + timedelta(days=3)).state == "paid"


def test_while_the_gateway_is_out_of_reach_it_asks_again_soon(payment, gateway):
    gateway.answers = [500]
    found = look(minutes(5))
    assert (found.state, found.due_at) == ("open", minutes(7))
    assert found.problem
    assert look(minutes(7)).problem == ""


def lost_answer(order, buyer, gateway):
    gateway.lose_answers = 2
    with pytest.raises(GatewayUnavailable):
        checkout.start_payment(order, by=buyer, now=NOW)


def test_a_lost_answer_is_asked_for_again_with_the_same_key(order, buyer, gateway):
    lost_answer(order, buyer, gateway)
    found = look(minutes(1))
    assert found.state == "open"
    assert list(gateway.sessions) == [found.session_id]


def test_a_lost_answer_found_too_late_is_closed(order, buyer, gateway):
    lost_answer(order, buyer, gateway)
    found = look(minutes(45))
    assert (found.state, found.due_at) == ("expired", None)
    assert [session["status"] for session in gateway.sessions.values()] == ["expired"]


def test_a_lost_answer_that_was_paid_is_settled(order, buyer, gateway):
    lost_answer(order, buyer, gateway)
    gateway.pay(next(iter(gateway.sessions)))
    assert look(minutes(45)).state == "paid"
    assert Order.objects.get(pk=order.pk).state == "paid"


def test_a_request_that_never_arrived_ends_as_expired(order, buyer, gateway):
    gateway.answers = [503]
    with pytest.raises(GatewayUnavailable):
        checkout.start_payment(order, by=buyer, now=NOW)
    assert look(minutes(45)).state == "expired"
    assert gateway.sessions == {}


def test_a_page_the_gateway_does_not_know_is_given_up(payment, gateway):
    gateway.sessions.clear()
    found = look(minutes(5))
    assert (found.state, found.due_at) == ("failed", None)
    assert "No such thing" in found.problem


def test_nothing_open_is_left_without_a_next_look(payment, order, buyer, gateway):
    """I8: a row's story is over exactly when it is due no more."""
    look(minutes(5))
    live = Payment.objects.live()
    assert not live.filter(due_at__isnull=True).exists()
    gateway.expire(payment.session_id)
    look(minutes(10))
    assert not Payment.objects.exclude(pk__in=Payment.objects.live()).filter(due_at__isnull=False).exists()
