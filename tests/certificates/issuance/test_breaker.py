"""A CA that is down is left in peace: no state changes, one order tries, and everybody goes on when it answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from certificates.connectors.problems import Problem, TryAgain
from certificates.issuance import breaker, resting
from certificates.issuance.walk import Walk
from certificates.models import AcmeOrder, CaAccount, Certificate
from tests.certificates.connectors.rough_ca import Reply, problem
from tests.certificates.issuance.desk import newest
from tests.factories import CaAccountFactory, UserFactory

pytestmark = pytest.mark.django_db

DOWN = problem("serverInternal", 503)
BROKEN = problem("serverInternal", 500)
MINUTE = timedelta(minutes=1)


def down(desk, reply: Reply = BROKEN) -> None:
    for verb in (
        "directory",
        "newAccount",
        "newOrder",
        "order",
        "authz",
        "chall",
        "finalize",
        "cert",
        "deactivate",
    ):
        desk.ca.spoil_always(verb, reply)


def row(desk) -> CaAccount:
    return CaAccount.objects.get(pk=desk.account.pk)


def trip(desk, count: int = 5) -> list:
    """So many customers' orders meet a CA that is down."""
    down(desk)
    wishes = [desk.wish(UserFactory(), f"n{n}.example") for n in range(count)]
    while desk.step():
        pass
    return wishes


def test_a_few_failures_are_each_orders_own_matter(desk):
    trip(desk, 4)
    assert row(desk).failures == 4
    assert row(desk).resting_until is None
    assert not CaAccount.objects.resting(desk.now).exists()
    assert AcmeOrder.objects.filter(problem__type="chancery:ca_resting").count() == 0


def test_after_five_failures_of_anybodys_orders_nobody_asks(desk, alice):
    trip(desk)
    account = row(desk)
    assert account.resting_until > desk.now + timedelta(seconds=25)
    assert "serverInternal" in account.trouble
    assert CaAccount.objects.resting(desk.now).get() == account
    asked = desk.ca.counted
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(seconds=20))
    order = newest(wanted)
    assert desk.ca.counted == asked
    assert (order.status, order.waiting_for, order.attempt) == ("pending", "ca", 1)
    assert order.problem["type"] == "chancery:ca_resting"
    assert order.due_at == account.resting_until
    assert order.intent_at is None
    standing = desk.standing(wanted)
    assert standing.slug == "checking"
    assert "We ask again at" in standing.sentence
    desk.check()


def test_an_outage_costs_the_ca_next_to_nothing(desk):
    trip(desk, 20)
    before = desk.ca.counted
    desk.run(timedelta(hours=1))
    assert desk.ca.counted - before <= 14, (
        "rests of 30 s, 1, 2, 4, 8 and then 10 minutes, one request after each"
    )
    desk.check()


def test_one_order_tries_and_all_go_on_when_it_succeeds(desk):
    wishes = trip(desk, 12)
    desk.run(timedelta(minutes=20))
    desk.ca.heal()
    healed = desk.now
    desk.run(timedelta(minutes=15), until=lambda: Certificate.objects.count() == 12)
    assert Certificate.objects.count() == 12, [desk.story(wanted) for wanted in wishes]
    assert desk.now - healed < timedelta(minutes=12)
    account = row(desk)
    assert (account.failures, account.resting_until, account.trouble) == (0, None, "")
    first = min(Certificate.objects.values_list("issued_at", flat=True))
    last = max(Certificate.objects.values_list("issued_at", flat=True))
    assert last - first < MINUTE, "who waited was woken"


def test_while_one_tries_the_others_wait(desk, alice, bob):
    trip(desk)
    desk.clock.move_to(row(desk).resting_until + timedelta(seconds=1))
    one, two = (newest(desk.wish(who, f"{who.pk}.example")) for who in (alice, bob))
    walks = []
    for order in (one, two):
        claimed = AcmeOrder.objects.select_related("account").get(pk=order.pk)
        walks.append(Walk(order=claimed, clock=lambda: desk.now, lease_at=desk.now))
    answers = [resting.hold_back(walk) for walk in walks]
    assert [answer is None for answer in answers] == [True, False]
    assert [walk.probes for walk in walks] == [True, False]
    assert answers[1].due_at > desk.now


def test_a_trial_whose_worker_died_is_made_by_another(desk, alice):
    trip(desk)
    desk.clock.move_to(row(desk).resting_until + timedelta(seconds=1))
    order = newest(desk.wish(alice, "shop.example"))
    claimed = AcmeOrder.objects.select_related("account").get(pk=order.pk)
    assert resting.hold_back(Walk(order=claimed, clock=lambda: desk.now, lease_at=desk.now)) is None
    desk.ca.heal()
    desk.run(timedelta(minutes=3), until=lambda: row(desk).resting_until is None)
    assert row(desk).failures == 0


def test_all_accounts_at_the_ca_share_its_rest(desk, alice):
    other = CaAccountFactory(directory_url=desk.ca.url("/directory"), roots_pem=desk.ca.roots_pem)
    elsewhere = CaAccountFactory(directory_url="https://elsewhere.example/dir")
    trip(desk)
    until, asked = row(desk).resting_until, desk.ca.counted
    assert set(CaAccount.objects.resting(desk.now)) == {desk.account, other}
    desk.account = other
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(seconds=10))
    assert newest(wanted).due_at == until
    assert desk.ca.counted == asked
    elsewhere.refresh_from_db()
    assert elsewhere.failures == 0


def test_an_account_that_is_new_during_the_outage_joins_the_rest_with_its_first_failure(desk, alice):
    trip(desk)
    desk.account = CaAccountFactory(directory_url=desk.ca.url("/directory"), roots_pem=desk.ca.roots_pem)
    desk.wish(alice, "shop.example")
    desk.run(timedelta(seconds=3))
    states = CaAccount.objects.same_ca(desk.account).values_list("failures", "resting_until")
    assert len(set(states)) == 1


def test_a_success_between_begins_the_count_anew(desk, alice):
    trip(desk, 4)
    desk.ca.heal()
    desk.run_until_issued(desk.wish(alice, "shop.example"), timedelta(minutes=2))
    assert row(desk).failures == 0
    down(desk)
    for n in range(4):
        desk.wish(UserFactory(), f"m{n}.example")
    while desk.step():
        pass
    assert row(desk).resting_until is None


def test_what_the_ca_minds_is_no_failure_of_the_ca(desk):
    desk.ca.spoil_always("newOrder", problem("rejectedIdentifier", 403))
    for n in range(8):
        desk.wish(UserFactory(), f"n{n}.example")
    desk.run(MINUTE)
    assert row(desk).failures == 0
    desk.ca.heal()
    desk.ca.spoil_always("newOrder", problem("rateLimited", 429, headers={"Retry-After": "60"}))
    for n in range(8):
        desk.wish(UserFactory(), f"l{n}.example")
    desk.run(MINUTE / 2)
    assert row(desk).failures == 0


@pytest.mark.parametrize(
    "reply",
    [DOWN, BROKEN, Reply(dies="before"), Reply(502, b"<html>", content_type="text/html")],
    ids=["503", "500", "reset", "html"],
)
def test_every_kind_of_outage_is_seen(desk, reply):
    down(desk, reply)
    for n in range(6):
        desk.wish(UserFactory(), f"n{n}.example")
    desk.run(MINUTE / 4)
    assert row(desk).failures >= 5


def test_a_flapping_ca_is_not_asked_hot_and_nobody_is_lost(desk):
    wishes = [desk.wish(UserFactory(), f"n{n}.example") for n in range(10)]
    before = desk.ca.counted
    for turn in range(12):
        if turn % 2:
            desk.ca.heal()
        else:
            down(desk)
        desk.run(timedelta(seconds=20))
    assert desk.ca.counted - before < 12 * 40
    desk.ca.heal()
    desk.run(timedelta(hours=1), until=lambda: Certificate.objects.count() == 10)
    assert Certificate.objects.count() == 10, [desk.story(wanted) for wanted in wishes]
    assert AcmeOrder.objects.filter(attempt__gt=1).count() == 0
    desk.check()


def test_who_waits_for_the_customer_learns_nothing_of_the_outage(desk, alice):
    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(seconds=5))
    trip(desk)
    desk.run(timedelta(minutes=25))
    order = newest(wanted)
    assert order.waiting_for == "customer"
    assert order.problem is None
    assert desk.standing(wanted).slug == "waiting_for_you"
    desk.show(order)
    desk.run(timedelta(seconds=5))
    order.refresh_from_db()
    assert order.problem["type"] == "chancery:ca_resting"
    assert order.answered_at is None
    desk.ca.heal()
    desk.shows = True
    desk.run(timedelta(minutes=30), until=lambda: Certificate.objects.filter(issuance=wanted).exists())
    assert newest(wanted).attempt == 1


def test_one_order_that_the_ca_stumbles_over_does_not_keep_the_others_out(desk, alice):
    """Only this order's authorization answers 500: it trips the breaker alone, and the next one finds the CA well."""
    desk.shows = False
    poison = desk.wish(alice, "poison.example")
    desk.run(timedelta(seconds=5))
    desk.show(newest(poison))
    desk.ca.spoil_always("chall", BROKEN)
    desk.run(timedelta(hours=2), until=lambda: row(desk).resting_until is not None)
    assert row(desk).resting_until is not None
    desk.ca.heal()
    desk.ca.spoil("chall", *[BROKEN] * 3)
    others = [desk.wish(UserFactory(), f"n{n}.example") for n in range(3)]
    desk.shows = True
    desk.run(
        timedelta(minutes=10),
        until=lambda: Certificate.objects.filter(issuance__in=others).count() == 3,
    )
    assert Certificate.objects.filter(issuance__in=others).count() == 3


def test_a_rest_written_before_the_clock_was_set_back_is_over(desk, alice):
    CaAccount.objects.filter(pk=desk.account.pk).update(
        failures=7, resting_until=desk.now + timedelta(days=2)
    )
    desk.run_until_issued(desk.wish(alice, "shop.example"), timedelta(minutes=10))
    assert row(desk).failures == 0


def test_a_withdrawn_request_ends_while_the_ca_rests(desk, alice):
    from certificates import issuance

    wanted = desk.wish(alice, "shop.example")
    desk.shows = False
    desk.run(timedelta(seconds=5))
    trip(desk)
    asked = desk.ca.counted
    issuance.withdraw(wanted, by=alice, now=desk.now)
    desk.run(timedelta(seconds=10))
    assert desk.ca.counted == asked
    desk.ca.heal()
    desk.shows = True
    desk.run(timedelta(minutes=15))
    assert newest(wanted).due_at is None
    assert newest(wanted).authorizations.get().status == "deactivated"


def test_a_trial_that_asks_for_nothing_leaves_it_to_the_next(desk, alice):
    """The names were seen long ago and are looked at once more first: that walk finds out nothing about the CA."""
    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(seconds=5))
    desk.show(newest(wanted))
    CaAccount.objects.filter(pk=desk.account.pk).update(
        failures=6, resting_until=desk.now + timedelta(minutes=1)
    )
    desk.run(timedelta(seconds=5))
    desk.clock.move_to(desk.now + timedelta(minutes=45))
    desk.run(timedelta(seconds=1))
    assert newest(wanted).waiting_for == "customer"
    assert row(desk).resting_until <= desk.now
    desk.show(newest(wanted))
    desk.run(timedelta(seconds=10), until=lambda: Certificate.objects.exists())
    assert Certificate.objects.count() == 1


def test_who_has_failed_comes_back_when_the_rest_ends(desk):
    """Its own back-off would be an hour by then."""
    (wanted,) = trip(desk, 1)
    desk.run(timedelta(hours=3))
    assert newest(wanted).due_at <= row(desk).resting_until + timedelta(minutes=1)
    desk.ca.heal()
    desk.run(timedelta(minutes=11), until=lambda: Certificate.objects.filter(issuance=wanted).exists())
    assert Certificate.objects.filter(issuance=wanted).exists()


# --- the CA's own Retry-After -----------------------------------------------------------------------------------


def test_a_ca_that_says_how_long_it_is_away_is_left_in_peace_for_so_long_by_everybody(desk, alice):
    down(desk, problem("serverInternal", 503, headers={"Retry-After": "3600"}))
    for n in range(5):
        desk.wish(UserFactory(), f"n{n}.example")
    while desk.step():
        pass
    until = row(desk).resting_until
    assert timedelta(minutes=59) < until - desk.now <= timedelta(hours=1)
    asked = desk.ca.counted
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(minutes=55))
    assert desk.ca.counted == asked
    assert newest(wanted).due_at == until
    desk.ca.heal()
    desk.run_until_issued(wanted, timedelta(minutes=10))


@pytest.mark.parametrize(("said", "rest"), [("604800", 3600), ("5", 30), ("0", 60)])
def test_a_retry_after_is_obeyed_within_bounds(desk, said, rest):
    """A week is asked about by the hour; five seconds are shorter than our own rest; none means a minute."""
    down(desk, problem("serverInternal", 503, headers={"Retry-After": said}))
    for n in range(5):
        desk.wish(UserFactory(), f"n{n}.example")
    while desk.step():
        pass
    assert row(desk).failures == breaker.FAILURES
    left = (row(desk).resting_until - desk.now).total_seconds()
    assert rest - 5 < left <= rest


def test_a_long_rest_that_the_ca_asked_for_is_forgotten_when_the_clock_is_set_back(desk, alice):
    CaAccount.objects.filter(pk=desk.account.pk).update(
        failures=5, resting_until=desk.now + timedelta(hours=1, minutes=1)
    )
    desk.run_until_issued(desk.wish(alice, "shop.example"), timedelta(minutes=5))
    assert row(desk).failures == 0


def test_two_who_fail_as_the_trial_is_over_already_count_as_any_other(desk):
    """Its lease had run out, and another one's trial had gone well: what fails then is a first failure."""
    error = TryAgain(Problem("urn:chancery:error:transport", "No answer."))
    breaker.failed(row(desk), error, desk.now, probes=True)
    assert (row(desk).failures, row(desk).resting_until) == (1, None)
