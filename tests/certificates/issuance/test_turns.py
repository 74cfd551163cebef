"""Turns at a CA account's limit: neither a customer with a hundred orders nor a mass reissue holds up another's first one."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from accounts.models import User
from certificates.held_up import LIMIT
from certificates.issuance import turns
from certificates.issuance.turns import Queue
from certificates.models import AcmeOrder, CaAccount, CaLimit, CaUse, Certificate, Issuance
from tests.certificates.issuance.desk import Desk, newest
from tests.conftest import NOW
from tests.factories import CaAccountFactory, UserFactory, certificate_for, plan_for

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


# --- whose turn it is ---------------------------------------------------------------------------------------------


@pytest.fixture
def account(db) -> CaAccount:
    return CaAccountFactory()


def limit(account: CaAccount, amount: int, seconds: int = 3 * 3600) -> CaLimit:
    return CaLimit.objects.create(account=account, kind="orders", amount=amount, seconds=seconds)


def order(
    account: CaAccount,
    owner: User,
    *,
    since: datetime = NOW,
    kind: str = "first",
    sent: datetime | None = None,
    **of_issuance: object,
) -> AcmeOrder:
    """An order that waits for a place, or has had one."""
    issuance = Issuance.objects.create(
        plan=plan_for(owner, "shop.example", account=account), kind=kind, names=[], created_at=since,
        state="wanted", **of_issuance,
    )  # fmt: skip
    problem = {"type": LIMIT, "limit": "orders"}
    row = AcmeOrder.objects.create(
        issuance=issuance, account=account, created_at=since, due_at=NOW + HOUR, problem=problem
    )
    if sent is not None:
        AcmeOrder.objects.filter(pk=row.pk).update(intent_at=sent, problem=None, url=f"https://ca/{row.pk}")
        CaUse.objects.create(account=account, kind="orders", at=sent)
    return row


def line(account: CaAccount, rows: dict[str, AcmeOrder]) -> list[str]:
    """Return the queue by the names that the rows were given."""
    known = {row.pk: name for name, row in rows.items()}
    anyone = next(iter(rows.values()))
    queue = Queue(anyone, list(account.limits.all()), NOW)
    assert {name: Queue(row, list(account.limits.all()), NOW).ahead for name, row in rows.items()} == {
        known[place.pk]: number for number, place in enumerate(queue.places)
    }
    return [known[place.pk] for place in queue.places]


def test_owners_take_turns_and_each_ones_own_orders_stay_as_they_came(account, alice, bob):
    limit(account, 300)
    rows = {f"alice{n}": order(account, alice, since=NOW + n * MINUTE) for n in range(3)}
    rows["bob0"] = order(account, bob, since=NOW + HOUR)
    assert line(account, rows) == ["alice0", "bob0", "alice1", "alice2"]


def test_who_has_had_fewer_places_in_the_window_goes_first(account, alice, bob):
    limit(account, 300)
    for n in range(3):
        order(account, alice, sent=NOW - n * MINUTE)
    order(account, bob, sent=NOW - timedelta(hours=4))
    rows = {"alice": order(account, alice), "bob": order(account, bob, since=NOW + HOUR)}
    assert line(account, rows) == ["bob", "alice"]


def test_a_first_certificate_goes_before_a_renewal_and_a_renewal_before_a_mass_reissue(
    account, alice, bob, operator
):
    from certificates.models import Campaign

    limit(account, 300)
    campaign = Campaign.objects.create(
        from_account=account, to_account=account, reason="closes", created_at=NOW, asked_by=operator
    )
    rows = {
        "reissued": order(account, alice, kind="rekey", campaign=campaign),
        "renewed": order(account, bob, kind="renewal", since=NOW + MINUTE),
        "first": order(account, UserFactory(), since=NOW + HOUR),
    }
    assert line(account, rows) == ["first", "renewed", "reissued"]


def test_a_renewal_whose_certificate_ends_soon_waits_behind_no_first_one(account, alice, bob):
    limit(account, 300)
    old = certificate_for(plan_for(alice, "old.example", account=account))
    Certificate.objects.filter(pk=old.pk).update(not_after=NOW + timedelta(days=2))
    rows = {
        "renewed": order(account, alice, kind="renewal", replaces=old),
        "first": order(account, bob, since=NOW + HOUR),
    }
    assert line(account, rows) == ["renewed", "first"]


def test_whoever_has_had_a_fifth_of_the_window_goes_behind_all_who_have_not(account, alice, bob):
    limit(account, 10)
    for n in range(2):
        order(account, alice, sent=NOW - n * MINUTE)
    rows = {"alice": order(account, alice), "bob": order(account, bob, kind="renewal", since=NOW + HOUR)}
    assert line(account, rows) == ["bob", "alice"]


def test_an_order_that_nobody_stands_before_asks_once(account, alice, django_assert_num_queries):
    row = order(account, alice)
    held = [limit(account, 300)]
    with django_assert_num_queries(1):
        assert Queue(row, held, NOW).ahead == 0


def test_places_are_counted_within_the_longest_window_of_new_orders(account, alice, bob):
    limit(account, 300, 60)
    limit(account, 1000, 24 * 3600)
    order(account, alice, sent=NOW - timedelta(hours=20))
    rows = {"alice": order(account, alice), "bob": order(account, bob, since=NOW + HOUR)}
    assert line(account, rows) == ["bob", "alice"]
    assert turns.rest_of(SimpleNamespace(amount=4)) == 0


# --- at the engine ------------------------------------------------------------------------------------------------


def issued(wanted: Issuance) -> bool:
    return Certificate.objects.filter(issuance=wanted).exists()


def fail_all(desk: Desk, owner: User, wishes: list[Issuance]) -> None:
    """All names of this customer fail, and they press "Try again" at once."""
    from certificates import issuance

    for wanted in wishes:
        last = newest(wanted)
        if last.status == "invalid" and last.ended_at is not None:
            issuance.try_again(wanted, by=owner, now=desk.now)


def test_a_customers_failing_names_that_are_tried_again_and_again_leave_room_for_anothers_paid_order(
    desk, alice, bob
):
    limit(desk.account, 10)
    desk.ca.validates = "invalid"
    wishes = [desk.wish(alice, f"n{n}.example") for n in range(12)]
    for _time in range(4):
        desk.run(MINUTE)
        fail_all(desk, alice, wishes)
    assert desk.ca.asked_for["newOrder"] == 8, "a fifth of the window is left to others"
    desk.ca.validates = "valid"
    other = desk.wish(bob, "bob.example")
    desk.run(MINUTE, until=lambda: issued(other))
    assert issued(other), "at once, although alice's orders came long before"


def test_of_a_full_window_the_next_place_is_the_other_customers(desk, alice, bob):
    """Without a last fifth to leave: four places."""
    limit(desk.account, 4)
    desk.ca.validates = "invalid"
    wishes = [desk.wish(alice, f"n{n}.example") for n in range(10)]
    desk.run(MINUTE)
    fail_all(desk, alice, wishes)
    desk.run(MINUTE)
    assert desk.ca.asked_for["newOrder"] == 4
    desk.ca.validates = "valid"
    other = desk.wish(bob, "bob.example")
    oldest = CaUse.objects.filter(kind="orders").earliest("at").at
    desk.run(MINUTE)
    assert newest(other).due_at == oldest + timedelta(hours=3), "the slot that is shown"
    desk.run(timedelta(hours=3), until=lambda: issued(other))
    assert issued(other)
    sent = AcmeOrder.objects.filter(intent_at__gt=oldest + HOUR).order_by("intent_at")
    assert sent[0].issuance == other, "and none of the ten came before"
    assert desk.now - oldest < timedelta(hours=3, minutes=1)


def test_those_behind_a_newcomer_are_told_the_later_slot_at_once(desk, alice, bob):
    limit(desk.account, 2, 3600)
    for minutes in (50, 20):
        at = desk.now - timedelta(minutes=minutes)
        CaUse.objects.create(account=desk.account, kind="orders", at=at)
    first, second = desk.wish(alice, "one.example"), desk.wish(alice, "two.example")
    desk.run(timedelta(seconds=10))
    shown = [newest(wanted).due_at - desk.now for wanted in (first, second)]
    assert [round(span / MINUTE) for span in shown] == [10, 40]
    other = desk.wish(bob, "bob.example")
    desk.run(timedelta(seconds=10))
    spans = [newest(wanted).due_at - desk.now for wanted in (first, other, second)]
    assert [round(span / MINUTE) for span in spans] == [10, 40, 70]
    desk.run(timedelta(hours=2), until=lambda: issued(second))
    moments = [Certificate.objects.get(issuance=wanted).issued_at for wanted in (first, other, second)]
    assert moments == sorted(moments)
