"""One customer's hundred names that take long do not hold up another's paid order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from certificates.models import AcmeOrder
from leases.rows import turns_of
from leases.turns import Turns
from portal import sweeping
from tests.certificates.issuance.desk import newest
from tests.orders.conftest import file_database  # noqa: F401
from tests.validation.fake_dns import FakeDns
from validation.models import Authorization, Challenge

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def _nobody_was_served() -> None:
    for rows, _work in sweeping.QUEUES.values():
        turns_of(rows.model._meta.label).forget()


@pytest.fixture
def slow_dns(settings) -> Iterator[FakeDns]:
    server = FakeDns()
    server.delay = 0.15
    settings.VALIDATION_NAMESERVERS = [server.text]
    yield server
    server.close()


def names(owner: User, count: int, waiting: timedelta = LONG_AGO) -> None:
    now = timezone.now()
    first = Authorization.objects.count()
    rows = Authorization.objects.bulk_create(
        Authorization(
            owner=owner,
            url=f"https://ca.example/authz/{first + n}",
            identifier=f"n{first + n}.test",
            method="dns-01",
            created_at=now,
            due_at=now - waiting,
        )
        for n in range(count)
    )
    Challenge.objects.bulk_create(
        Challenge(authorization=row, url=f"{row.url}/c", type="dns-01", token="t" * 43, key_authorization="k")
        for row in rows
    )


def looked(owner: User) -> int:
    return Authorization.objects.filter(owner=owner, looks__gt=0).count()


def test_a_name_behind_a_hundred_slow_ones_is_the_second_to_be_looked_at(alice, bob, slow_dns):
    names(alice, 100)
    names(bob, 1, timedelta(0))
    sweeping.sweep(limit=2)
    assert looked(bob) == 1
    assert looked(alice) <= 1


def test_nor_does_a_backlog_of_thousands_hide_it(alice, bob):
    names(alice, 3000)
    names(bob, 1, timedelta(0))
    order = [Authorization.objects.claim_next(timezone.now()).owner for _ in range(4)]
    assert order.index(bob) <= 1


def test_each_of_many_owners_has_a_turn_before_anybody_has_another(db):
    owners = [User.objects.create(email=f"p{n}@example.org") for n in range(12)]
    for owner in owners:
        names(owner, 30)
    served = [Authorization.objects.claim_next(timezone.now()).owner_id for _ in range(24)]
    assert sorted(served[:12]) == sorted(owner.pk for owner in owners)
    assert sorted(served[12:]) == sorted(owner.pk for owner in owners)


def test_nobody_is_starved_and_one_owners_rows_keep_their_order(alice, bob):
    names(alice, 60)
    Authorization.objects.filter(identifier="n7.test").update(due_at=timezone.now() - LONG_AGO * 2)
    names(bob, 2, timedelta(0))
    claimed = [Authorization.objects.claim_next(timezone.now()) for _ in range(62)]
    assert claimed[0].identifier == "n7.test"
    assert None not in claimed
    assert Authorization.objects.claim_next(timezone.now()) is None


@pytest.mark.usefixtures("file_database")
def test_who_comes_while_a_worker_is_busy_with_another_is_next(alice, bob, slow_dns):
    names(alice, 100)
    busy = threading.Thread(target=_sweep, args=(8,))
    busy.start()
    _until(lambda: looked(alice) >= 2)
    names(bob, 1, timedelta(0))
    before = looked(alice)
    _until(lambda: looked(bob) == 1)
    assert looked(alice) - before <= 2
    busy.join()


def _sweep(limit: int) -> None:
    try:
        sweeping.sweep(limit=limit)
    finally:
        connection.close()


def _until(done, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_paid_order_behind_a_hundred_of_another_is_the_second_to_be_worked(desk, alice, bob):
    for n in range(100):
        desk.wish(alice, f"n{n}.example")
    AcmeOrder.objects.update(due_at=desk.now - LONG_AGO)
    paid = desk.wish(bob, "shop.example")
    for _row in range(2):
        desk.step()
    assert newest(paid).url is not None
    assert AcmeOrder.objects.filter(url__isnull=False).count() <= 2


def test_turns_forget_old_owners_and_look_behind_seldom():
    clock = [0.0]
    turns = Turns(clock=lambda: clock[0])
    turns.took(0, "alice")
    turns.took(0, "bob")
    assert turns.last("nobody") < turns.last("alice") < turns.last("bob")
    assert turns.ordered([(1, "bob"), (2, "bob"), (3, "alice"), (4, "carol")]) == [
        (4, "carol"),
        (3, "alice"),
        (1, "bob"),
        (2, "bob"),
    ]
    looks = []

    def look() -> list[tuple[int, str]]:
        looks.append(clock[0])
        return [(5, "dave"), (6, "dave")]

    assert turns.behind(look) == {5: "dave", 6: "dave"}
    turns.took(5, "dave")
    turns.missed(6)
    assert turns.behind(look) == {}
    clock[0] = 1.0
    assert turns.behind(look) == {5: "dave", 6: "dave"}
    assert looks == [0.0, 1.0]
