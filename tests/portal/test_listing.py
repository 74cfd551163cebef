"""One look serves several claims of several threads; a row is given to one of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Letter
from leases.rows import WINDOW, turns_of
from portal import listing
from portal.listing import Lists
from portal.sweeping import QUEUES
from tests.leases.test_looking import name
from tests.portal.test_sweeping import letter
from validation.models import Authorization

pytestmark = pytest.mark.django_db


def only(model):
    return Lists({key: queue for key, queue in QUEUES.items() if queue[0].model is model})


@pytest.fixture
def unhurried(monkeypatch):
    monkeypatch.setattr(listing, "LISTED_FOR", 60.0)


def test_one_look_serves_many_claims(unhurried):
    for n in range(5):
        letter(n)
    lists = Lists(QUEUES)
    claimed = [lists.claim() for _n in range(5)]
    assert {kind for kind, _row in claimed} == {"letters"}
    assert len({row.pk for _kind, row in claimed}) == 5
    assert (lists.looks, lists.has_more) == (1, False)
    assert lists.claim() is None
    assert lists.looks == 2


def test_what_another_process_has_taken_meanwhile_is_passed_over(unhurried):
    rows = [letter(n) for n in range(3)]
    lists = Lists(QUEUES)
    first = lists.claim()[1]
    others = [row for row in rows if row.pk != first.pk]
    assert Letter.objects.claim(others[0].pk, timezone.now()) is not None
    assert lists.claim()[1] == others[1]
    assert lists.claim() is None


def test_the_first_of_many_are_spread_so_that_processes_seldom_reach_for_the_same(unhurried, monkeypatch):
    monkeypatch.setattr(listing.random, "shuffle", lambda keys: keys.reverse())
    rows = [letter(n) for n in range(WINDOW)]
    Letter.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    given = [only(Letter).claim()[1].pk for _n in range(1)]
    assert given[0] in [row.pk for row in rows]
    assert given[0] != rows[0].pk


def test_a_newcomer_comes_first_all_the_same(unhurried, monkeypatch, alice, bob):
    turns_of(Authorization._meta.label).forget()
    monkeypatch.setattr(listing.random, "shuffle", lambda keys: keys.reverse())
    now = timezone.now()
    for n in range(WINDOW):
        name(alice, n, now - timedelta(minutes=2))
    turns_of(Authorization._meta.label).took(0, alice.pk)
    name(bob, 100, now - timedelta(minutes=3))
    assert only(Authorization).claim()[1].owner == bob
    turns_of(Authorization._meta.label).forget()


def test_it_knows_when_the_next_falls_due():
    lists, soon = Lists(QUEUES, ahead=5.0), timezone.now() + timedelta(seconds=3)
    letter(1)
    Letter.objects.update(due_at=soon)
    assert lists.claim() is None
    assert lists.next_due == soon
    Letter.objects.update(due_at=soon + timedelta(minutes=1))
    assert lists.claim() is None
    assert lists.next_due is None
