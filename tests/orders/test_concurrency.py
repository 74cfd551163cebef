"""Two of everything at once: what may happen in parallel happens once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import connections
from django.test import Client

from accounts.models import Letter
from audit.models import Entry
from identifiers.names import Name
from leases import LeaseLost
from orders import catalogue, checkout, drafts
from orders import webhook as webhook_module
from orders.checkout import AlreadyPaid, PaymentProcessing
from orders.events import process_event
from orders.fulfilment import settle
from orders.models import Agreement, GatewayEvent, Order, Payment, Plan, Product, Refund
from orders.models.order import IllegalMove
from orders.queues import QUEUES
from orders.refunds import NotRefundable, refund
from tests.conftest import NOW
from tests.factories import UserFactory
from tests.orders.conftest import PURCHASER
from tests.orders.fake_gateway import event, signed

SOON = NOW + timedelta(minutes=1)

pytestmark = pytest.mark.usefixtures("file_database")


@pytest.fixture
def buyer(file_database):
    user = UserFactory(email="alice@example.org", name="Alice Archer")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def order(buyer):
    catalogue.seed(NOW, "EUR")
    draft = drafts.begin(Product.objects.get(slug="dv"), [Name("shop.example")], 1, owner=buyer, now=NOW)
    checkout.place(draft, PURCHASER, Agreement.objects.current(), by=buyer, address=None, now=NOW)
    return draft


@pytest.fixture
def payment(order, buyer, gateway):
    return checkout.start_payment(order, by=buyer, now=NOW)


def at_once(*jobs):
    """Run all jobs, starting them at the same moment; return their results, an exception being one."""
    barrier = threading.Barrier(len(jobs))

    def run(job):
        barrier.wait(10)
        try:
            return job()
        except Exception as exc:
            return exc
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result(60) for future in [pool.submit(run, job) for job in jobs]]


def sweep():
    """Work every due row of the shop, as any number of workers do."""
    for rows, work in QUEUES.values():
        row = rows.claim_next(SOON)
        while row is not None:
            with suppress(LeaseLost):  # settled by somebody else while this worker held it
                work(row, SOON)
            row = rows.claim_next(SOON)


def assert_sold_once(order):
    assert Order.objects.get(pk=order.pk).state == "paid"
    assert Plan.objects.count() == 1
    assert Letter.objects.filter(kind="order_paid").count() == 1
    assert Entry.objects.filter(action="order:paid").count() == 1
    assert Entry.objects.filter(action="plan:opened").count() == 1
    assert Payment.objects.filter(state="paid").count() == 1
    assert not Refund.objects.exists()


def test_the_same_event_ten_times_in_parallel_sells_once(payment, order, gateway, monkeypatch):
    monkeypatch.setattr(webhook_module, "ring", lambda: None)
    gateway.pay(payment.session_id)
    body, header = signed(event("checkout.session.completed", {"id": payment.session_id}))

    def deliver():
        answer = Client().post(
            "/webhooks/stripe/", body, content_type="application/json", headers={"Stripe-Signature": header}
        )
        GatewayEvent.objects.update(due_at=SOON)
        sweep()
        return answer.status_code

    assert at_once(*[deliver] * 10) == [200] * 10
    assert GatewayEvent.objects.count() == 1
    assert_sold_once(order)


def test_ten_different_events_worked_in_parallel_sell_once(payment, order, gateway):
    gateway.pay(payment.session_id)
    for number in range(10):
        GatewayEvent.objects.create(
            id=f"evt_{number}",
            gateway="stripe",
            kind="checkout.session.completed",
            payload=event("checkout.session.completed", {"id": payment.session_id}),
            received_at=NOW,
            due_at=NOW,
        )

    def work(number):
        return lambda: process_event(GatewayEvent.objects.claim(f"evt_{number}", SOON), SOON)

    assert at_once(*[work(number) for number in range(10)]) == [None] * 10
    assert_sold_once(order)


def test_landing_page_webhook_and_reconciler_at_once_sell_once(payment, order, buyer, gateway):
    gateway.pay(payment.session_id)
    GatewayEvent.objects.create(
        id="evt_1",
        gateway="stripe",
        kind="checkout.session.completed",
        payload=event("checkout.session.completed", {"id": payment.session_id}),
        received_at=NOW,
        due_at=NOW,
    )
    Payment.objects.update(due_at=NOW)
    client = Client()
    client.force_login(buyer)

    def land():
        return client.get(f"/orders/{order.pk}/paid/", {"session_id": payment.session_id}).status_code

    results = at_once(land, sweep, sweep, lambda: settle(payment.session_id, SOON).state, sweep)
    assert not [result for result in results if isinstance(result, Exception)], results
    assert results[0] == 200
    assert_sold_once(order)


def test_two_tabs_get_one_page(order, buyer, gateway):
    def start():
        return checkout.start_payment(Order.objects.get(pk=order.pk), by=buyer, now=NOW).session_id

    pages = at_once(*[start] * 8)
    assert len(set(pages)) == 1, pages
    assert list(gateway.sessions) == [pages[0]]
    assert Payment.objects.count() == 1


def test_two_confirms_place_one_order(order, buyer, gateway):
    draft = drafts.begin(Product.objects.get(slug="dv"), [Name("two.example")], 1, owner=buyer, now=NOW)
    agreement = Agreement.objects.current()

    def confirm():
        mine = Order.objects.get(pk=draft.pk)
        checkout.place(mine, PURCHASER, agreement, by=buyer, address=None, now=NOW)

    results = at_once(*[confirm] * 5)
    assert results.count(None) == 1
    assert all(isinstance(result, IllegalMove) for result in results if result is not None)
    assert Entry.objects.of_order(draft.pk).filter(action="order:placed").count() == 1


def test_paying_in_one_window_and_cancelling_in_another_agree(payment, order, buyer, gateway):
    gateway.pay(payment.session_id)

    def cancel():
        checkout.cancel(Order.objects.get(pk=order.pk), by=buyer, now=SOON)

    results = at_once(cancel, lambda: settle(payment.session_id, SOON), cancel)
    assert all(isinstance(result, (AlreadyPaid, IllegalMove)) for result in (results[0], results[2])), results
    assert_sold_once(order)


def test_opening_a_page_and_changing_the_order_never_leave_an_old_price_open(order, buyer, gateway):
    def change():
        mine = Order.objects.get(pk=order.pk)
        checkout.reopen(mine, by=buyer, now=NOW)

    def pay():
        return checkout.start_payment(Order.objects.get(pk=order.pk), by=buyer, now=NOW)

    for result in at_once(pay, change, pay):
        assert not isinstance(result, Exception) or isinstance(result, (IllegalMove, PaymentProcessing)), (
            result
        )
    if Order.objects.get(pk=order.pk).state == "draft":
        assert not Payment.objects.live().exists()
        shown = {payment.session_id for payment in Payment.objects.all()}
        assert all(gateway.sessions[page]["status"] != "open" for page in shown if page)


def test_two_operators_cannot_give_back_twice(payment, order, gateway):
    gateway.pay(payment.session_id)
    paid = settle(payment.session_id, SOON)

    def give_back():
        return refund(Payment.objects.get(pk=paid.pk), 1900, "x", by="oscar@portal.example", now=SOON)

    results = at_once(*[give_back] * 4)
    assert sum(isinstance(result, NotRefundable) for result in results) == 3, results
    at_once(sweep, sweep, sweep)
    assert len(gateway.all_refunds) == 1
    assert Order.objects.get(pk=order.pk).state == "refunded"
