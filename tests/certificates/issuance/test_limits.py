"""The mirror of a CA account's limits: nothing is sent over them, nobody takes a place twice, and nobody is forgotten."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection

from certificates.issuance import limits
from certificates.models import AcmeOrder, CaAccount, CaLimit, CaUse, Certificate
from identifiers.names import Name
from leases import LeaseLost
from portal import sweeping
from tests.certificates.connectors.rough_ca import Reply, problem
from tests.certificates.issuance.desk import newest
from tests.conftest import NOW
from tests.factories import CaAccountFactory, UserFactory
from tests.orders.conftest import file_database  # noqa: F401

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def limit(account: CaAccount, kind: str, amount: int, seconds: int = 3600, **rest: bool) -> CaLimit:
    return CaLimit.objects.create(account=account, kind=kind, amount=amount, seconds=seconds, **rest)


def use(account: CaAccount, kind: str, at: datetime, subject: str = "") -> CaUse:
    return CaUse.objects.create(account=account, kind=kind, at=at, subject=subject)


def slot(account: CaAccount, *names: str, now: datetime = NOW, replaces: str = "", ahead: int = 0):
    wanted = [Name.of(text) for text in names or ("shop.example",)]
    return limits.next_slot(account, wanted, replaces, now, ahead=ahead)


# --- counting -------------------------------------------------------------------------------------------------


@pytest.fixture
def account(db) -> CaAccount:
    return CaAccountFactory()


def test_without_limits_every_order_goes_at_once(account):
    use(account, "orders", NOW)
    assert slot(account) is None


def test_the_next_slot_is_when_the_oldest_use_leaves_the_window(account):
    limit(account, "orders", 2)
    use(account, "orders", NOW - timedelta(minutes=50))
    assert slot(account) is None
    use(account, "orders", NOW - timedelta(minutes=20))
    assert slot(account) == NOW + timedelta(minutes=10)
    assert slot(account, now=NOW + timedelta(minutes=10)) is None


def test_who_waits_already_is_served_first(account):
    limit(account, "orders", 2)
    use(account, "orders", NOW - timedelta(minutes=50))
    use(account, "orders", NOW - timedelta(minutes=20))
    moments = [slot(account, ahead=ahead) for ahead in range(4)]
    assert moments == [NOW + timedelta(minutes=minutes) for minutes in (10, 40, 70, 100)]


def test_a_free_place_belongs_to_whoever_waited_longer(account):
    limit(account, "orders", 2)
    use(account, "orders", NOW - timedelta(minutes=50))
    assert slot(account, ahead=0) is None
    assert slot(account, ahead=1) == NOW + timedelta(minutes=10)
    assert slot(account, ahead=2) == NOW + HOUR


def test_of_two_windows_the_fuller_one_counts(account):
    limit(account, "orders", 1, 60)
    limit(account, "orders", 2, 7200)
    use(account, "orders", NOW - HOUR)
    use(account, "orders", NOW - timedelta(seconds=30))
    assert slot(account) == NOW + HOUR


def test_certificates_are_counted_per_registered_domain_and_per_set(account):
    limit(account, "domain", 1)
    use(account, "domain", NOW, "shop.example")
    assert slot(account, "www.shop.example", "other.example") == NOW + HOUR
    assert slot(account, "other.example") is None
    limit(account, "set", 1, 7200)
    (same,) = limits.subjects("set", [Name.of("b.example"), Name.of("a.example")])
    use(account, "set", NOW, same)
    assert slot(account, "a.example", "b.example") == NOW + 2 * HOUR
    assert slot(account, "a.example", "b.example", "c.example") is None


def test_a_private_suffix_is_counted_as_the_ca_counts_it(account):
    assert limits.subjects("domain", [Name.of("one.github.io"), Name.of("two.github.io")]) == [
        "one.github.io",
        "two.github.io",
    ]
    assert limits.subjects("domain", [Name.of("a.b.co.uk"), Name.of("*.b.co.uk")]) == ["b.co.uk"]


def test_a_set_of_a_hundred_long_names_fits_into_the_row(account):
    names = [Name.of(f"{'long' * 15}{n}.{'label' * 12}.example") for n in range(100)]
    assert all(len(subject) <= 253 for kind in ("domain", "set") for subject in limits.subjects(kind, names))


def test_failures_count_per_name_and_account(account):
    other = CaAccountFactory(directory_url=account.directory_url)
    limit(account, "failures", 1)
    use(other, "failures", NOW, "shop.example")
    assert slot(account, "*.shop.example") is None
    use(account, "failures", NOW, "shop.example")
    assert slot(account, "*.shop.example") == NOW + HOUR
    assert slot(account, "www.shop.example") is None


def test_certificates_count_over_all_accounts_at_one_ca(account):
    other = CaAccountFactory(directory_url=account.directory_url)
    elsewhere = CaAccountFactory(directory_url="https://elsewhere.example/dir")
    limit(account, "domain", 1)
    use(elsewhere, "domain", NOW, "shop.example")
    assert slot(account) is None
    use(other, "domain", NOW, "shop.example")
    assert slot(account) == NOW + HOUR


def test_an_account_of_one_customer_has_its_patterns_limits_and_its_own_orders(account):
    limit(account, "orders", 1)
    limit(account, "domain", 1)
    one, two = (
        CaAccountFactory(parent=account, customer=UserFactory(), directory_url=account.directory_url)
        for _ in range(2)
    )
    use(one, "orders", NOW)
    assert slot(one) == NOW + HOUR
    assert slot(two) is None
    use(account, "domain", NOW, "shop.example")
    assert slot(two) == NOW + HOUR


def test_an_order_that_replaces_is_exempt_where_the_ca_says_so(account):
    exempt = limit(account, "orders", 1, renewals_exempt=True)
    use(account, "orders", NOW)
    assert slot(account, replaces="aki.serial") is None
    assert slot(account) == NOW + HOUR
    CaLimit.objects.filter(pk=exempt.pk).update(renewals_exempt=False)
    assert slot(account, replaces="aki.serial") == NOW + HOUR


def test_a_clock_that_was_set_back_makes_nobody_wait_longer_than_the_window(account):
    limit(account, "orders", 1)
    use(account, "orders", NOW + timedelta(days=3))
    assert slot(account) == NOW + HOUR


def test_lets_encrypts_limits_are_entered_once(account):
    limit(account, "orders", 10, 60)
    assert limits.set_lets_encrypts(account) == 3
    assert limits.set_lets_encrypts(account) == 0
    week = 7 * 24 * 3600
    rows = set(account.limits.values_list("kind", "amount", "seconds", "renewals_exempt"))
    assert rows == {
        ("orders", 10, 60, False),
        ("domain", 50, week, True),
        ("set", 5, week, True),
        ("failures", 5, 3600, True),
    }


def test_old_uses_are_forgotten_and_those_a_window_reaches_are_kept(account):
    assert limits.forget in sweeping.TIDYING
    limit(account, "orders", 1, 30 * 24 * 3600)
    old, young = (
        use(account, "orders", NOW - timedelta(days=31)),
        use(account, "orders", NOW - timedelta(days=29)),
    )
    assert limits.forget(NOW) == 1
    assert list(CaUse.objects.all()) == [young]
    assert old.at < young.at
    CaLimit.objects.all().delete()
    assert limits.forget(NOW) == 1


# --- the engine -----------------------------------------------------------------------------------------------


def test_an_order_over_the_limit_is_not_sent_and_goes_when_its_slot_comes(desk, alice):
    limit(desk.account, "orders", 1, 600)
    desk.run_until_issued(desk.wish(alice, "one.example"))
    sent = desk.ca.asked_for["newOrder"]
    second = desk.wish(alice, "two.example")
    desk.run(timedelta(minutes=1))
    order = newest(second)
    assert desk.ca.asked_for["newOrder"] == sent
    assert order.status == "pending"
    assert order.waiting_for == "ca"
    assert order.intent_at is None
    assert order.problem["type"] == "chancery:limit"
    assert order.due_at == CaUse.objects.get(kind="orders").at + timedelta(seconds=600)
    desk.check()
    desk.run_until_issued(second, timedelta(minutes=15))
    assert CaUse.objects.filter(kind="orders").count() == 2


def test_the_customer_reads_when_the_next_slot_is(desk, alice):
    desk.clock.move_to(datetime(2026, 11, 23, 14, 0, 10, tzinfo=UTC))
    limit(desk.account, "orders", 1, 1900)
    use(desk.account, "orders", desk.now)
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(seconds=5))
    standing = desk.standing(wanted)
    assert "Next slot 14:32 UTC." in standing.sentence
    assert standing.slug == "checking"
    assert standing.who == "ca"
    assert "Next slot 14:32 UTC." in newest(wanted).problem["detail"]


def test_a_slot_on_another_day_says_which(desk, alice):
    desk.clock.move_to(datetime(2026, 11, 23, 14, 0, 10, tzinfo=UTC))
    limit(desk.account, "domain", 1, 7 * 24 * 3600)
    use(desk.account, "domain", desk.now, "shop.example")
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(seconds=5))
    sentence = desk.standing(wanted).sentence
    assert "one domain" in sentence
    assert "30 November, 14:0" in sentence


def test_orders_are_served_in_the_order_of_their_coming(desk, alice, bob):
    limit(desk.account, "orders", 1, 600)
    use(desk.account, "orders", desk.now)
    wishes = []
    for n in range(4):
        wishes.append(desk.wish(bob if n % 2 else alice, f"n{n}.example"))
        desk.wait(timedelta(seconds=1))
        while desk.step():
            pass
    desk.run(timedelta(hours=1))
    issued = [Certificate.objects.get(issuance=wanted).issued_at for wanted in wishes]
    assert issued == sorted(issued)
    assert all(later - earlier > timedelta(seconds=590) for earlier, later in pairwise(issued))
    assert desk.ca.asked_for["newOrder"] == 4


def test_waiting_orders_do_not_ask_again_and_again(desk, alice):
    limit(desk.account, "orders", 1, 24 * 3600)
    use(desk.account, "orders", desk.now)
    wanted = desk.wish(alice, "shop.example")
    order = desk.settle(wanted)
    assert order.problem["type"] == "chancery:limit"
    assert desk.ca.counted <= 1, "at most the account was opened"


def test_a_certificate_is_counted_with_its_storing(desk, alice):
    desk.run_until_issued(desk.wish(alice, "www.shop.example", "shop.example", "other.example"))
    counted = CaUse.objects.filter(kind="domain").values_list("subject", flat=True)
    assert sorted(counted) == ["other.example", "shop.example"]
    assert CaUse.objects.filter(kind="set").count() == 1
    assert CaUse.objects.filter(kind="orders").count() == 1


def test_a_failed_authorization_is_counted_once_however_often_it_is_read(desk, alice):
    desk.ca.validates = "invalid"
    wanted = desk.wish(alice, "shop.example", "other.example")
    desk.run(timedelta(hours=2))
    assert newest(wanted).status == "invalid"
    assert sorted(CaUse.objects.filter(kind="failures").values_list("subject", flat=True)) == [
        "other.example",
        "shop.example",
    ]


def test_a_name_that_failed_too_often_is_not_tried_before_its_slot(desk, alice):
    from certificates import issuance

    limit(desk.account, "failures", 2)
    desk.ca.validates = "invalid"
    wanted = desk.wish(alice, "shop.example")
    for _try in range(2):
        desk.run(timedelta(minutes=5))
        issuance.try_again(wanted, by=alice, now=desk.now)
    sent = desk.ca.asked_for["newOrder"]
    desk.ca.validates = "valid"
    desk.run(timedelta(minutes=5))
    assert desk.ca.asked_for["newOrder"] == sent == 2
    assert "in vain too often" in desk.standing(wanted).sentence
    desk.run_until_issued(wanted, timedelta(hours=2))


def test_a_refused_order_gives_its_place_back(desk, alice, bob):
    limit(desk.account, "orders", 1, 24 * 3600)
    desk.ca.spoil("newOrder", problem("rejectedIdentifier", 403))
    refused = desk.wish(alice, "shop.example")
    desk.run(timedelta(minutes=1))
    refused.refresh_from_db()
    assert refused.state == "failed"
    assert CaUse.objects.filter(kind="orders").count() == 0
    desk.run_until_issued(desk.wish(bob, "other.example"), timedelta(minutes=10))


def test_an_order_whose_answer_was_lost_holds_one_place(desk, alice):
    limit(desk.account, "orders", 5)
    desk.ca.spoil("newOrder", Reply(dies="before"), Reply(dies="before"), acts=True)
    wanted = desk.wish(alice, "shop.example")
    desk.run_until_issued(wanted)
    assert desk.ca.asked_for["newOrder"] == 3
    (counted,) = CaUse.objects.filter(kind="orders")
    assert counted.at == newest(wanted).intent_at


# --- certificates per domain and set: laid by with the intent ------------------------------------------------


def laid_by() -> list[tuple[str, str]]:
    """Return what is counted of certificates, the set's hash as a word."""
    rows = CaUse.objects.filter(kind__in=["domain", "set"]).values_list("kind", "subject")
    return sorted((kind, "the set" if kind == "set" else subject) for kind, subject in rows)


def test_an_order_under_way_counts_for_its_domain_and_its_set(desk, alice, bob):
    limit(desk.account, "domain", 1, 24 * 3600)
    desk.shows = False
    desk.wish(alice, "www.shop.example")
    desk.run(timedelta(minutes=1))
    assert laid_by() == [("domain", "shop.example"), ("set", "the set")]
    second = desk.wish(bob, "mail.shop.example")
    desk.run(timedelta(minutes=1))
    assert desk.ca.asked_for["newOrder"] == 1
    assert newest(second).problem["limit"] == "domain"


def test_a_certificate_counts_from_its_storing_and_once(desk, alice):
    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(hours=2))
    desk.shows = True
    desk.run_until_issued(wanted)
    assert laid_by() == [("domain", "shop.example"), ("set", "the set")]
    stored = Certificate.objects.get().issued_at
    assert set(CaUse.objects.exclude(kind="orders").values_list("at", flat=True)) == {stored}
    assert CaUse.objects.get(kind="orders").at < stored - HOUR


def test_an_order_from_before_its_places_were_laid_by_is_counted_with_its_storing_too(desk, alice):
    desk.shows = False
    wanted = desk.wish(alice, "shop.example", "other.example")
    desk.run(timedelta(minutes=1))
    CaUse.objects.filter(subject="shop.example").delete()
    desk.shows = True
    desk.run_until_issued(wanted)
    assert laid_by() == [("domain", "other.example"), ("domain", "shop.example"), ("set", "the set")]


def test_an_order_that_ends_without_a_certificate_gives_its_place_up_and_who_waits_is_served(
    desk, alice, bob
):
    limit(desk.account, "domain", 1, 7 * 24 * 3600)
    desk.shows = False
    desk.wish(alice, "www.shop.example")
    desk.run(timedelta(minutes=1))
    second = desk.wish(bob, "mail.shop.example")
    desk.run(timedelta(minutes=1))
    desk.ca.validates = "invalid"
    desk.show_all()
    desk.run(timedelta(minutes=5), until=lambda: desk.ca.asked_for["newOrder"] == 2)
    desk.ca.validates = "valid"
    desk.shows = True
    desk.run(timedelta(minutes=5), until=lambda: Certificate.objects.exists())
    assert Certificate.objects.get().issuance == second
    assert laid_by() == [("domain", "shop.example"), ("set", "the set")]


def test_a_withdrawn_request_gives_its_place_up(desk, alice):
    from certificates.issuance import wishes

    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(minutes=1))
    assert laid_by()
    wishes.withdraw(wanted, by=alice, now=desk.now)
    desk.run(timedelta(minutes=1))
    assert laid_by() == []


def test_an_order_that_the_ca_no_longer_knows_gives_its_place_to_its_successor(desk, alice):
    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(minutes=1))
    first = newest(wanted)
    from certificates.issuance import closing
    from certificates.issuance.walk import Walk

    AcmeOrder.objects.filter(pk=first.pk).wake(desk.now)
    claimed = AcmeOrder.objects.claim(first.pk, desk.now)
    walk = Walk(order=claimed, clock=lambda: desk.now, lease_at=desk.now)
    closing.start_afresh(walk, {"type": "chancery:test", "detail": "gone"})
    assert laid_by() == []
    desk.shows = True
    desk.run(timedelta(minutes=5), until=lambda: Certificate.objects.exists())
    assert laid_by() == [("domain", "shop.example"), ("set", "the set")]


def test_a_refused_order_and_one_sent_again_hold_what_they_laid_by_no_more_than_once(desk, alice):
    desk.ca.spoil("newOrder", Reply(dies="before"), acts=True)
    wanted = desk.wish(alice, "shop.example")
    desk.run_until_issued(wanted)
    assert desk.ca.asked_for["newOrder"] == 2
    assert laid_by() == [("domain", "shop.example"), ("set", "the set")]
    desk.ca.spoil("newOrder", problem("rejectedIdentifier", 403))
    desk.wish(alice, "other.example")
    desk.run(timedelta(minutes=1))
    assert ("domain", "other.example") not in laid_by()


def test_an_account_without_limits_asks_the_database_no_more_than_before(desk, alice):
    """One statement reads the limits, one writes the intent, one enters all that is counted."""
    from django.test.utils import CaptureQueriesContext

    from certificates.issuance.walk import Walk

    wanted = desk.wish(alice, "shop.example", "www.shop.example")
    claimed = AcmeOrder.objects.select_related("account", "issuance__plan__owner").get(
        pk=AcmeOrder.objects.claim(newest(wanted).pk, desk.now).pk
    )
    walk = Walk(order=claimed, clock=lambda: desk.now, lease_at=desk.now)
    limits.take_slot(walk)
    limits.give_slot_back(walk)
    with CaptureQueriesContext(connection) as asked:
        limits.take_slot(walk)
    statements = [query["sql"].split()[0] for query in asked if "SAVEPOINT" not in query["sql"]]
    assert statements == ["SELECT", "UPDATE", "INSERT"]
    with CaptureQueriesContext(connection) as asked:
        limits.count_certificate(walk, desk.now)
    assert [query["sql"].split()[0] for query in asked] == ["UPDATE"]


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
    from certificates.issuance.walk import Walk

    with pytest.raises(LeaseLost):
        limits.take_slot(Walk(order=zombie, clock=lambda: desk.now, lease_at=desk.now))
    assert not CaUse.objects.exists()


@pytest.mark.usefixtures("file_database")
def test_two_workers_do_not_both_take_the_last_place(desk, alice, bob):
    from certificates.issuance.walk import Walk

    limit(desk.account, "orders", 3)
    for _ in range(2):
        use(desk.account, "orders", desk.now)
    orders = [
        newest(desk.wish(who, f"{who.pk}.example")) for who in (alice, bob, UserFactory(), UserFactory())
    ]
    claimed = [AcmeOrder.objects.claim(order.pk, desk.now) for order in orders]
    start, results = threading.Barrier(len(claimed)), []

    def take(order: AcmeOrder) -> None:
        walk = Walk(order=order, clock=lambda: desk.now, lease_at=desk.now)
        start.wait()
        try:
            results.append(limits.take_slot(walk))
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(order,)) for order in claimed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(claimed)
    assert sum(done is None for done in results) == 1
    assert CaUse.objects.filter(kind="orders").count() == 3


@pytest.mark.usefixtures("file_database")
def test_two_accounts_at_one_ca_do_not_both_take_the_last_certificate_of_a_domain(desk, alice, bob):
    from certificates.issuance.walk import Walk

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
    start, results = threading.Barrier(len(claimed)), []

    def take(order: AcmeOrder) -> None:
        walk = Walk(order=order, clock=lambda: desk.now, lease_at=desk.now)
        start.wait()
        try:
            results.append(limits.take_slot(walk))
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(order,)) for order in claimed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done is None for done in results) == 1
    assert len(results) == len(claimed)
    assert CaUse.objects.filter(kind="domain", subject="shop.example").count() == 2
