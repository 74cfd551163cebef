"""A CA that is out: waited for when it is short, left when it is long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Letter
from audit.models import Entry
from certificates import keys, vault
from certificates.issuance import breaker
from certificates.models import CaAccount, Certificate
from tests.certificates.connectors.rough_ca import problem
from tests.certificates.issuance.choosing.two_cas import MINUTE, accounts_of, down, finalized, wish
from tests.certificates.issuance.desk import newest

pytestmark = pytest.mark.django_db


def test_a_short_outage_is_waited_out(desk, alice, second):
    down(desk.ca)
    wanted = wish(desk, alice, second)
    desk.run(4 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name]
    desk.ca.heal()
    desk.run_until_issued(wanted, timedelta(hours=1))
    assert accounts_of(wanted) == [desk.account.name]


def test_a_long_outage_moves_the_order_on_with_the_same_key(desk, alice, second, second_ca):
    down(desk.ca)
    wanted = wish(desk, alice, second)
    desk.run(timedelta(hours=1), until=lambda: Certificate.objects.filter(issuance=wanted).exists())
    certificate = Certificate.objects.get(issuance=wanted)
    wanted.refresh_from_db()
    assert certificate.account == second
    assert accounts_of(wanted) == [desk.account.name, "Second CA"]
    key = keys.load_own(vault.open_key(wanted.key))
    assert keys.spki_sha256(key.public_key()) == certificate.spki_sha256
    assert second_ca.certificates == 1
    assert desk.ca.certificates == 0
    assert finalized(wanted) == 1
    entry = Entry.objects.get(action="acme_order:switched")
    assert entry.plan_id == wanted.plan_id
    assert "outage" in str(entry.details)
    # Nothing had been told to the customer, so nothing has to be told anew.
    assert not Letter.objects.filter(kind="ca_moved").exists()
    desk.check()


def test_an_order_that_comes_late_in_an_outage_moves_on_at_once(desk, alice, second):
    CaAccount.objects.filter(pk=desk.account.pk).update(
        failures=breaker.FAILURES + 4, resting_until=desk.now + 5 * MINUTE
    )
    wanted = wish(desk, alice, second)
    began = desk.now
    desk.run_until_issued(wanted, timedelta(minutes=5))
    assert Certificate.objects.get(issuance=wanted).issued_at - began < MINUTE
    assert desk.ca.counted == 0


def test_without_another_ca_an_outage_is_waited_out_however_long(desk, alice):
    down(desk.ca)
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(hours=6))
    assert newest(wanted).attempt == 1
    desk.ca.heal()
    desk.run_until_issued(wanted, timedelta(hours=2))


@pytest.mark.parametrize(
    "trouble",
    [
        {"enabled": False},
        {"paused_at": timezone.now(), "paused_why": "terms"},
        {"failures": 9, "resting_until": timezone.now() + timedelta(minutes=9)},
    ],
    ids=["disabled", "paused", "down"],
)
def test_another_ca_in_trouble_of_its_own_is_no_help(desk, alice, second, trouble):
    down(desk.ca)
    wanted = wish(desk, alice, second)
    if "resting_until" in trouble:
        trouble = trouble | {"resting_until": desk.now + timedelta(minutes=9)}
    CaAccount.objects.filter(pk=second.pk).update(**trouble)
    desk.run(8 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name]


def test_two_cas_that_are_down_do_not_play_ball_with_an_order(desk, alice, second, second_ca):
    down(desk.ca)
    down(second_ca)
    wanted = wish(desk, alice, second)
    desk.run(timedelta(hours=12))
    assert len(accounts_of(wanted)) == 2
    assert Letter.objects.count() == 0
    second_ca.heal()
    desk.run_until_issued(wanted, timedelta(hours=2))


def test_a_ca_that_says_it_is_away_for_an_hour_is_left_at_once(desk, alice, second):
    desk.ca.spoil_always("newOrder", problem("serverInternal", 503, headers={"Retry-After": "3600"}))
    wanted = wish(desk, alice, second)
    desk.run_until_issued(wanted, 2 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name, "Second CA"]
    assert desk.ca.asked_for["newOrder"] == 1


def test_who_comes_while_a_ca_rests_for_an_hour_by_its_own_word_moves_on_too(desk, alice, second):
    CaAccount.objects.filter(pk=desk.account.pk).update(
        failures=breaker.FAILURES, resting_until=desk.now + timedelta(minutes=55)
    )
    wanted = wish(desk, alice, second)
    desk.run_until_issued(wanted, 2 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name, "Second CA"]
