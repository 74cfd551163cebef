"""From basket to payment page: one page per order, whatever clicks, crashes or changes come between."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import IntegrityError

from audit.models import Entry
from identifiers.names import Name
from orders import checkout, drafts
from orders.checkout import (
    AgreementChanged,
    AlreadyPaid,
    NotOnSale,
    NotVerified,
    PaymentProcessing,
    PriceChanged,
)
from orders.gateways import GatewayRefused, GatewayUnavailable
from orders.models import Agreement, Order, Payment, Price, Product
from orders.models.order import IllegalMove
from tests.conftest import NOW
from tests.factories import PaymentFactory
from tests.orders.conftest import PURCHASER

SOON = NOW + timedelta(seconds=30)


def place(order, by, **changed):
    checkout.place(
        order, {**PURCHASER, **changed}, Agreement.objects.current(), by=by, address="192.0.2.7", now=NOW
    )


# --- placing --------------------------------------------------------------------------------------------


def test_it_records_who_accepted_what_when_and_from_where(draft, buyer):
    place(draft, buyer)
    saved = Order.objects.get(pk=draft.pk)
    assert (saved.state, saved.total, saved.currency) == ("awaiting_payment", 2800, "EUR")
    assert (saved.agreement.version, saved.agreement_accepted_at, saved.agreement_accepted_from) == (
        "1",
        NOW,
        "192.0.2.7",
    )
    assert saved.purchaser_name == "Alice Archer"
    story = Entry.objects.of_order(draft.pk).values_list("action", "actor", "address")
    assert list(story) == [
        ("order:placed", "alice@example.org", "192.0.2.7"),
        ("order:agreement_accepted", "alice@example.org", "192.0.2.7"),
    ]


def test_it_refuses_somebody_without_a_verified_address(draft, buyer):
    EmailAddress.objects.update(verified=False)
    with pytest.raises(NotVerified):
        place(draft, buyer)
    assert Order.objects.get(pk=draft.pk).state == "draft"


def test_it_refuses_somebody_elses_draft(draft, bob):
    EmailAddress.objects.create(user=bob, email=bob.email, verified=True, primary=True)
    with pytest.raises(IllegalMove):
        place(draft, bob)
    assert Order.objects.get(pk=draft.pk).agreement is None


def test_a_new_price_is_shown_before_it_is_owed(draft, buyer):
    Price.objects.filter(product__slug="dv", years=1).update(amount=2500)
    with pytest.raises(PriceChanged):
        place(draft, buyer)
    assert Order.objects.get(pk=draft.pk).total == 3400
    assert Order.objects.get(pk=draft.pk).state == "draft"
    place(draft, buyer)
    assert draft.items.get().amount == 3400


def test_it_refuses_an_older_agreement(draft, buyer):
    old = Agreement.objects.current()
    Agreement.objects.create(version="2", text="new", published_at=NOW + timedelta(days=1))
    with pytest.raises(AgreementChanged):
        checkout.place(draft, PURCHASER, old, by=buyer, address=None, now=NOW)


def test_it_refuses_what_was_taken_off_sale(draft, buyer):
    Product.objects.update(on_sale=False)
    with pytest.raises(NotOnSale):
        place(draft, buyer)


def test_a_second_confirm_changes_nothing(order, buyer):
    with pytest.raises(IllegalMove):
        place(order, buyer, purchaser_name="Mallory")
    assert Order.objects.get(pk=order.pk).purchaser_name == "Alice Archer"


# --- the payment page -----------------------------------------------------------------------------------


def test_it_asks_for_exactly_what_the_order_says(payment, order, gateway):
    session = gateway.sessions[payment.session_id]
    assert (session["amount_total"], session["currency"]) == (2800, "eur")
    assert session["client_reference_id"] == str(order.pk)
    assert session["metadata"] == {"order": str(order.pk), "attempt": "1"}
    asked = gateway.asked[-1]
    assert (
        asked["success_url"]
        == f"http://localhost:8000/orders/{order.pk}/paid/?session_id={{CHECKOUT_SESSION_ID}}"
    )
    assert asked["cancel_url"] == f"http://localhost:8000/orders/{order.pk}/"
    assert asked["customer_email"] == "alice@example.org"
    assert "shop.example, www.shop.example" in asked["line_items[0][price_data][product_data][name]"]
    assert int(asked["expires_at"]) == int((NOW + timedelta(minutes=60)).timestamp())


def test_a_double_click_and_two_tabs_get_one_page(payment, order, buyer, gateway):
    again = checkout.start_payment(Order.objects.get(pk=order.pk), by=buyer, now=SOON)
    assert again.pk == payment.pk
    assert again.session_url == payment.session_url
    assert gateway.calls["POST /v1/checkout/sessions"] == 1


def test_the_intent_is_committed_before_the_gateway_is_asked(order, buyer, gateway):
    gateway.answers = [503]
    with pytest.raises(GatewayUnavailable):
        checkout.start_payment(order, by=buyer, now=NOW)
    row = Payment.objects.get()
    assert (row.state, row.session_id) == ("created", None)
    assert row.due_at is not None


def test_after_a_lost_answer_the_same_page_is_found_by_its_key(order, buyer, gateway):
    gateway.lose_answers = 2
    with pytest.raises(GatewayUnavailable):
        checkout.start_payment(order, by=buyer, now=NOW)
    payment = checkout.start_payment(order, by=buyer, now=SOON)
    assert payment.attempt == 1
    assert list(gateway.sessions) == [payment.session_id]


def test_a_refusal_ends_the_attempt_and_the_next_click_begins_another(order, buyer, gateway):
    gateway.answers = [400]
    with pytest.raises(GatewayRefused):
        checkout.start_payment(order, by=buyer, now=NOW)
    assert Payment.objects.get().state == "failed"
    assert checkout.start_payment(order, by=buyer, now=SOON).attempt == 2


def test_a_wrong_api_key_ends_no_story(order, buyer, gateway):
    gateway.answers = [401]
    with pytest.raises(GatewayUnavailable):
        checkout.start_payment(order, by=buyer, now=NOW)
    assert Payment.objects.get().state == "created"


def test_an_expired_page_is_replaced_by_a_new_attempt(payment, order, buyer, gateway):
    gateway.expire(payment.session_id)
    later = checkout.start_payment(order, by=buyer, now=NOW + timedelta(hours=2))
    assert (later.attempt, later.state) == (2, "open")
    assert Payment.objects.get(pk=payment.pk).state == "expired"


def test_a_page_about_to_expire_is_closed_at_the_gateway_first(payment, order, buyer, gateway):
    later = checkout.start_payment(order, by=buyer, now=NOW + timedelta(minutes=59))
    assert later.attempt == 2
    assert gateway.sessions[payment.session_id]["status"] == "expired"


def test_a_page_that_was_paid_unheard_is_settled_instead_of_replaced(payment, order, buyer, gateway):
    gateway.pay(payment.session_id)
    with pytest.raises(AlreadyPaid):
        checkout.start_payment(order, by=buyer, now=NOW + timedelta(minutes=59))
    assert Order.objects.get(pk=order.pk).state == "paid"
    assert Payment.objects.count() == 1


def test_no_second_payment_while_a_delayed_one_is_on_its_way(payment, order, buyer, gateway):
    gateway.begin_delayed(payment.session_id)
    for moment in (NOW + timedelta(minutes=59), NOW + timedelta(hours=30)):
        with pytest.raises(PaymentProcessing):
            checkout.start_payment(order, by=buyer, now=moment)
    assert Payment.objects.count() == 1


def test_the_database_itself_refuses_a_second_live_payment(payment, order):
    with pytest.raises(IntegrityError):
        PaymentFactory(order=order, attempt=2)


def test_a_draft_cannot_be_paid(draft, buyer, gateway):
    with pytest.raises(IllegalMove):
        checkout.start_payment(draft, by=buyer, now=NOW)
    assert gateway.calls.total() == 0


def test_a_paid_order_cannot_be_paid_again(payment, order, buyer, gateway):
    gateway.pay(payment.session_id)
    checkout.fulfilment.settle(payment.session_id, SOON)
    with pytest.raises(IllegalMove):
        checkout.start_payment(order, by=buyer, now=SOON)


# --- changing and cancelling ----------------------------------------------------------------------------


def test_a_changed_order_closes_the_old_page_first(payment, order, buyer, gateway):
    checkout.reopen(order, by=buyer, now=SOON)
    assert gateway.sessions[payment.session_id]["status"] == "expired"
    drafts.rewrite(order, [Name("shop.example")], 2)
    place(order, buyer)
    later = checkout.start_payment(order, by=buyer, now=SOON)
    assert (later.attempt, later.amount) == (2, 3500)
    assert gateway.sessions[later.session_id]["amount_total"] == 3500


def test_an_order_cannot_be_changed_while_the_gateway_is_out_of_reach(payment, order, buyer, gateway):
    gateway.answers = [503, 503, 503]
    with pytest.raises(GatewayUnavailable):
        checkout.reopen(order, by=buyer, now=SOON)
    assert Order.objects.get(pk=order.pk).state == "awaiting_payment"


def test_cancelling_closes_the_page(payment, order, buyer, gateway):
    checkout.cancel(order, by=buyer, now=SOON)
    assert gateway.sessions[payment.session_id]["status"] == "expired"
    assert Order.objects.get(pk=order.pk).state == "cancelled"
    assert Payment.objects.get().due_at is None


def test_cancelling_too_late_finds_the_money(payment, order, buyer, gateway):
    gateway.pay(payment.session_id)
    with pytest.raises(AlreadyPaid):
        checkout.cancel(order, by=buyer, now=SOON)
    assert Order.objects.get(pk=order.pk).state == "paid"


def test_a_page_whose_answer_was_lost_is_found_and_closed(order, buyer, gateway):
    gateway.lose_answers = 2
    with pytest.raises(GatewayUnavailable):
        checkout.start_payment(order, by=buyer, now=NOW)
    checkout.cancel(order, by=buyer, now=SOON)
    assert [session["status"] for session in gateway.sessions.values()] == ["expired"]
    assert Payment.objects.get().state == "expired"


def test_a_draft_is_cancelled_without_asking_anybody(draft, buyer, gateway):
    checkout.cancel(draft, by=buyer, now=NOW)
    assert Order.objects.get(pk=draft.pk).state == "cancelled"
    assert gateway.calls.total() == 0
