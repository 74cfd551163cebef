"""A crash, a lost lease or two workers take no place twice."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from certificates.issuance import slots
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, CaUse
from leases import LeaseLost
from tests.certificates.issuance.desk import newest
from tests.certificates.issuance.limits.places import laid_by, limit, use
from tests.factories import CaAccountFactory, UserFactory
from tests.orders.conftest import file_database  # noqa: F401

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """As good as SIGKILL for what the rows say: nothing catches it."""


@pytest.fixture
def killed_at_new_order(monkeypatch):
    from certificates.connectors.acme import AcmeConnector

    real = AcmeConnector.new_order
    deaths = [1]

    def dies_once(self, *args, **kwargs):
        if deaths:
            deaths.pop()
            raise Killed
        return real(self, *args, **kwargs)

    monkeypatch.setattr(AcmeConnector, "new_order", dies_once)


def test_a_crash_between_the_place_and_the_order_takes_no_second_place(desk, alice, killed_at_new_order):
    limit(desk.account, "orders", 1)
    wanted = desk.wish(alice, "shop.example")
    with pytest.raises(Killed):
        desk.run(timedelta(minutes=1))
    order = newest(wanted)
    assert order.intent_at is not None
    assert CaUse.objects.get(kind="orders").at == order.intent_at
    desk.run_until_issued(wanted, timedelta(minutes=30))
    assert CaUse.objects.filter(kind="orders").count() == 1
    assert desk.ca.asked_for["newOrder"] == 1


def test_a_crash_between_the_place_and_the_order_lays_by_no_second_certificate(
    desk, alice, killed_at_new_order
):
    limit(desk.account, "domain", 1, 7 * 24 * 3600)
    limit(desk.account, "set", 1, 7 * 24 * 3600)
    wanted = desk.wish(alice, "shop.example")
    with pytest.raises(Killed):
        desk.run(timedelta(minutes=1))
    intent = newest(wanted).intent_at
    assert set(CaUse.objects.values_list("at", flat=True)) == {intent}
    assert laid_by() == [("domain", "shop.example"), ("set", "the set")]
    desk.run_until_issued(wanted, timedelta(minutes=30))
    assert laid_by() == [("domain", "shop.example"), ("set", "the set")]
    assert desk.ca.asked_for["newOrder"] == 1


def test_a_worker_that_lost_its_lease_takes_no_place(desk, alice):
    limit(desk.account, "orders", 1)
    wanted = desk.wish(alice, "shop.example")
    zombie = AcmeOrder.objects.claim(newest(wanted).pk, desk.now)
    desk.wait(timedelta(minutes=5))
    AcmeOrder.objects.claim(zombie.pk, desk.now)
    with pytest.raises(LeaseLost):
        slots.take_slot(Walk(order=zombie, clock=lambda: desk.now, lease_at=desk.now))
    assert not CaUse.objects.exists()


def taken_at_once(desk, claimed: list[AcmeOrder]) -> list[Done | None]:
    """Have a worker each reach for a place; return how each came out."""
    start, results = threading.Barrier(len(claimed)), []

    def take(order: AcmeOrder) -> None:
        walk = Walk(order=order, clock=lambda: desk.now, lease_at=desk.now)
        start.wait()
        try:
            results.append(slots.take_slot(walk))
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(order,)) for order in claimed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.usefixtures("file_database")
def test_two_workers_do_not_both_take_the_last_place(desk, alice, bob):
    limit(desk.account, "orders", 3)
    for _ in range(2):
        use(desk.account, "orders", desk.now)
    orders = [
        newest(desk.wish(who, f"{who.pk}.example")) for who in (alice, bob, UserFactory(), UserFactory())
    ]
    claimed = [AcmeOrder.objects.claim(order.pk, desk.now) for order in orders]
    results = taken_at_once(desk, claimed)
    assert len(results) == len(claimed)
    assert sum(done is None for done in results) == 1
    assert CaUse.objects.filter(kind="orders").count() == 3


@pytest.mark.usefixtures("file_database")
def test_two_accounts_at_one_ca_do_not_both_take_the_last_certificate_of_a_domain(desk, alice, bob):
    other = CaAccountFactory(directory_url=desk.account.directory_url, roots_pem=desk.account.roots_pem)
    for account in (desk.account, other):
        limit(account, "domain", 2, 24 * 3600)
    use(other, "domain", desk.now, "shop.example")
    claimed = []
    for n, owner in enumerate((alice, bob, UserFactory(), UserFactory())):
        order = newest(desk.wish(owner, f"n{n}.shop.example"))
        account = other if n % 2 else desk.account
        AcmeOrder.objects.filter(pk=order.pk).update(account=account)
        claimed.append(AcmeOrder.objects.claim(order.pk, desk.now))
    results = taken_at_once(desk, claimed)
    assert sum(done is None for done in results) == 1
    assert len(results) == len(claimed)
    assert CaUse.objects.filter(kind="domain", subject="shop.example").count() == 2
