"""A person's orders: list, page, receipt; change or cancel what is not paid."""

from __future__ import annotations

import pytest
from django.urls import reverse

from identifiers.names import Name
from orders import drafts
from orders.fulfilment import settle
from orders.models import Order, Refund
from orders.refunds import execute_refund, refund
from tests.conftest import NOW


@pytest.fixture
def alices(client, buyer):
    client.force_login(buyer)
    return client


@pytest.fixture
def paid(payment, gateway):
    gateway.pay(payment.session_id)
    return settle(payment.session_id, NOW)


def page(client, name, order):
    return client.get(reverse(name, args=[order.pk])).content.decode()


def test_an_unpaid_order_says_what_is_next(order, alices):
    text = page(alices, "order_detail", order)
    assert "Payment needed" in text
    assert "Pay now" in text
    assert "Cancel order" in text
    assert "€28.00" in text
    assert "www.shop.example" in text


def test_a_paid_order_leads_to_its_set_up(paid, alices):
    text = page(alices, "order_detail", paid.order)
    assert "Set up your certificate" in text
    assert "Pay now" not in text
    assert "Cancel order" not in text


def test_a_receipt_is_for_paid_orders(paid, alices, order):
    text = page(alices, "order_receipt", paid.order)
    assert "Receipt" in text
    assert "Alice Archer" in text
    assert "Germany" in text
    assert "data-print" in text
    Order.objects.update(paid_at=None)
    assert alices.get(reverse("order_receipt", args=[order.pk])).status_code == 404


def test_a_refund_stands_on_page_and_receipt(paid, alices, operator):
    refund(paid, 900, "x", by=operator, now=NOW)
    execute_refund(Refund.objects.claim_next(NOW), NOW)
    assert "Partly refunded" in page(alices, "order_detail", paid.order)
    assert "−" in page(alices, "order_receipt", paid.order)


def test_an_unpaid_order_can_be_cancelled(payment, order, alices, gateway):
    answer = alices.post(reverse("order_cancel", args=[order.pk]), follow=True)
    assert "Cancelled" in answer.content.decode()
    assert gateway.sessions[payment.session_id]["status"] == "expired"


def test_an_unpaid_order_can_be_changed(payment, order, alices, gateway):
    answer = alices.post(reverse("order_reopen", args=[order.pk]))
    assert answer["Location"] == reverse("order_change", args=[order.pk])
    assert Order.objects.get(pk=order.pk).state == "draft"


def test_cancelling_a_paid_order_says_so(paid, alices):
    answer = alices.post(reverse("order_cancel", args=[paid.order_id]), follow=True)
    assert "has arrived already" in answer.content.decode()
    assert Order.objects.get(pk=paid.order_id).state == "paid"


def test_cancelling_while_the_gateway_is_out_of_reach_changes_nothing(payment, order, alices, gateway):
    gateway.answers = [500]
    answer = alices.post(reverse("order_cancel", args=[order.pk]), follow=True)
    assert "cannot be reached" in answer.content.decode()
    assert Order.objects.get(pk=order.pk).state == "awaiting_payment"


@pytest.mark.parametrize("name", ["order_cancel", "order_reopen", "order_pay"])
def test_changes_need_a_post(order, alices, name):
    assert alices.get(reverse(name, args=[order.pk])).status_code == 405


def test_the_list_shows_the_names_and_only_ones_own(order, alices, bob, shop):
    drafts.begin(shop["dv"], [Name("bobs.example")], 1, owner=bob, now=NOW)
    text = alices.get(reverse("order_list")).content.decode()
    assert "shop.example" in text
    assert "bobs.example" not in text


def test_an_empty_list_shows_the_way(alices):
    assert "No orders yet" in alices.get(reverse("order_list")).content.decode()


def test_the_list_takes_as_many_queries_for_twenty_orders_as_for_one(
    order, alices, buyer, shop, django_assert_num_queries
):
    url = reverse("order_list")
    alices.get(url)
    with django_assert_num_queries(8):
        alices.get(url)
    for number in range(25):
        names = [Name(f"n{number}.example"), Name(f"m{number}.example")]
        drafts.begin(shop["dv"], names, 1, owner=buyer, now=NOW)
    with django_assert_num_queries(8):
        assert alices.get(url).content.decode().count("list-row") == 20
    assert alices.get(url, {"page": "2"}).content.decode().count("list-row") == 6
    assert alices.get(url, {"page": "x"}).status_code == 200


def test_the_page_of_an_order_takes_a_constant_number_of_queries(paid, alices, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        page(alices, "order_detail", paid.order)
