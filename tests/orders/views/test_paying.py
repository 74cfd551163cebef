"""To the gateway's page and back: the browser's return proves nothing."""

from __future__ import annotations

import pytest
from django.urls import reverse

from orders.models import Order, Payment, Plan


@pytest.fixture
def alices(client, buyer):
    client.force_login(buyer)
    return client


def landing(order):
    return reverse("order_paid", args=[order.pk])


def come_back(client, payment):
    return client.get(landing(payment.order), {"session_id": payment.session_id}).content.decode()


def test_pay_now_leads_to_the_payment_page(order, alices, gateway):
    answer = alices.post(reverse("order_pay", args=[order.pk]))
    assert (answer.status_code, answer["Location"]) == (303, Payment.objects.get().session_url)


def test_pay_now_needs_a_post(order, alices, gateway):
    assert alices.get(reverse("order_pay", args=[order.pk])).status_code == 405
    assert gateway.calls.total() == 0


def test_coming_back_paid_leads_on(payment, alices, gateway):
    gateway.pay(payment.session_id)
    page = come_back(alices, payment)
    assert "Payment received" in page
    assert "Set up your certificate" in page
    assert str(Plan.objects.get().pk) in page
    assert "hx-trigger" not in page


def test_coming_back_again_changes_nothing(payment, alices, gateway):
    gateway.pay(payment.session_id)
    come_back(alices, payment)
    come_back(alices, payment)
    assert Plan.objects.count() == 1


def test_coming_back_without_paying_gets_no_certificate(payment, alices, gateway):
    page = come_back(alices, payment)
    assert "Payment is processing" in page
    assert "Set up your certificate" not in page
    assert 'hx-trigger="every 2s"' in page
    assert Order.objects.get().state == "awaiting_payment"


def test_reloading_the_landing_page_asks_the_gateway_so_often_and_no_more(payment, alices, gateway, settings):
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "payment_return": "3/m/user"}
    before = gateway.calls.total()
    for _reload in range(8):
        assert "Payment is processing" in come_back(alices, payment)
    assert gateway.calls.total() - before == 3


def test_a_delayed_payment_is_told_as_such(payment, alices, gateway):
    gateway.begin_delayed(payment.session_id)
    page = come_back(alices, payment)
    assert "Payment is processing" in page
    assert 'hx-trigger="every 5s"' in page


def test_a_mismatch_is_not_hidden(payment, alices, gateway):
    gateway.pay(payment.session_id, amount_total=1)
    assert "Payment being checked" in come_back(alices, payment)


def test_an_expired_page_asks_for_payment(payment, alices, gateway):
    gateway.expire(payment.session_id)
    page = come_back(alices, payment)
    assert "Payment needed" in page
    assert "hx-get" not in page


def test_while_the_gateway_is_out_of_reach_the_sweep_is_asked_to_look(payment, alices, gateway):
    gateway.answers = [500]
    before = Payment.objects.get().due_at
    assert "Payment is processing" in come_back(alices, payment)
    assert Payment.objects.get().due_at != before


@pytest.mark.parametrize(
    "session_id", ["", "cs_test_other", "x" * 101, "../../v1/refunds", "cs_1\u00e9", "{CHECKOUT_SESSION_ID}"]
)
def test_a_made_up_session_asks_nobody(payment, alices, gateway, session_id):
    before = gateway.calls.total()
    assert alices.get(landing(payment.order), {"session_id": session_id}).status_code == 200
    assert gateway.calls.total() == before


def test_the_status_part_looks_at_our_rows_only(payment, alices, gateway):
    gateway.pay(payment.session_id)
    before = gateway.calls.total()
    url = reverse("order_paid_status", args=[payment.order_id])
    assert "Payment is processing" in alices.get(url).content.decode()
    assert gateway.calls.total() == before
    come_back(alices, payment)
    assert "Payment received" in alices.get(url).content.decode()


def test_a_stranger_finds_nothing(payment, client, bob, gateway):
    client.force_login(bob)
    for name in ("order_paid", "order_paid_status", "order_detail", "order_receipt"):
        assert client.get(reverse(name, args=[payment.order_id])).status_code == 404
    for name in ("order_pay", "order_cancel", "order_reopen"):
        assert client.post(reverse(name, args=[payment.order_id])).status_code == 404


def test_nobody_signed_in_is_sent_to_sign_in(payment, client):
    for name in (
        "order_paid",
        "order_paid_status",
        "order_detail",
        "order_receipt",
        "order_change",
        "order_confirm",
    ):
        answer = client.get(reverse(name, args=[payment.order_id]))
        assert answer["Location"].startswith("/accounts/login/?next=/orders/")
    for name in ("order_pay", "order_cancel", "order_reopen"):
        assert client.post(reverse(name, args=[payment.order_id]))["Location"].startswith("/accounts/login/")


def test_a_paid_order_says_so_instead_of_charging_again(payment, alices, gateway):
    gateway.pay(payment.session_id)
    come_back(alices, payment)
    answer = alices.post(reverse("order_pay", args=[payment.order_id]), follow=True)
    assert answer.status_code == 200
    assert len(gateway.sessions) == 1


def test_too_many_tries_to_pay_are_slowed_down(order, alices, gateway):
    for _click in range(13):
        answer = alices.post(reverse("order_pay", args=[order.pk]), follow=False)
    assert answer["Location"] == reverse("order_detail", args=[order.pk])


def test_pages_are_not_kept_by_browsers(payment, alices):
    assert "no-store" in alices.get(reverse("order_detail", args=[payment.order_id]))["Cache-Control"]
