"""Who has published is not bothered soon, and is told honestly."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Letter
from certificates.models import Certificate
from leases import LeaseLost
from tests.certificates.issuance.choosing.two_cas import MINUTE, accounts_of, down, wish
from tests.certificates.issuance.desk import newest
from validation.models import Authorization, Delegation

pytestmark = pytest.mark.django_db


def test_who_has_published_is_not_asked_again_for_a_short_outage(desk, alice, second):
    desk.shows = False
    wanted = wish(desk, alice, second)
    desk.run(5 * MINUTE)
    down(desk.ca)
    desk.shows = True
    desk.run(50 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name]
    desk.ca.heal()
    desk.run_until_issued(wanted, timedelta(hours=1))
    assert accounts_of(wanted) == [desk.account.name]


def test_who_has_published_is_told_honestly_when_the_ca_is_out_for_long(desk, alice, second, second_ca):
    desk.shows = False
    wanted = wish(desk, alice, second)
    desk.run(5 * MINUTE)
    first = newest(wanted)
    down(desk.ca)
    desk.shows = True
    desk.run(timedelta(hours=3), until=lambda: newest(wanted).attempt == 2)
    desk.shows = False
    desk.run(MINUTE)
    assert accounts_of(wanted) == [desk.account.name, "Second CA"]
    standing = desk.standing(wanted)
    assert standing.slug == "waiting_for_you"
    assert "publish the new record or file" in standing.sentence
    letter = Letter.objects.get(kind="ca_moved")
    assert letter.to == "alice@example.org"
    assert "shop.example" in letter.subject
    assert first.authorizations.get().url != newest(wanted).authorizations.get().url
    desk.shows = True
    desk.run(timedelta(hours=1), until=lambda: Certificate.objects.filter(issuance=wanted).exists())
    assert Certificate.objects.get(issuance=wanted).account == second


def test_who_has_set_it_up_once_is_moved_soon_and_asked_for_nothing(desk, alice, second, second_ca):
    Delegation.objects.create(
        owner=alice, identifier="shop.example", zone="dcv.example", created_at=desk.now, seen_at=desk.now
    )
    desk.shows = False
    wanted = wish(desk, alice, second)
    desk.run(5 * MINUTE)
    down(desk.ca)
    desk.shows = True
    desk.run(50 * MINUTE, until=lambda: newest(wanted).attempt == 2)
    assert accounts_of(wanted) == [desk.account.name, "Second CA"]
    desk.run(timedelta(hours=1), until=lambda: Certificate.objects.filter(issuance=wanted).exists())
    assert Certificate.objects.get(issuance=wanted).account == second
    assert not Letter.objects.filter(kind="ca_moved").exists()


def test_the_old_authorizations_are_given_back_when_the_ca_answers_again(desk, alice, second, second_ca):
    desk.shows = False
    wanted = wish(desk, alice, second)
    desk.run(5 * MINUTE)
    first = newest(wanted)
    down(desk.ca)
    desk.shows = True
    desk.run(timedelta(hours=3), until=lambda: newest(wanted).attempt == 2)
    desk.run(timedelta(hours=1), until=lambda: Certificate.objects.filter(issuance=wanted).exists())
    row = first.authorizations.get()
    assert row.due_at is None
    assert row.status == "pending"
    desk.ca.heal()
    desk.run(timedelta(hours=2))
    row.refresh_from_db()
    assert row.status == "deactivated"
    assert desk.ca.authzs[0].status == "deactivated"
    assert desk.next_due() is None
    # What was shown at the second CA was given back there, by its own account.
    assert {authz.status for authz in second_ca.authzs} == {"deactivated"}


def test_a_look_under_way_does_not_bring_an_abandoned_name_back(desk, alice, second):
    desk.shows = False
    wanted = wish(desk, alice, second)
    desk.run(5 * MINUTE)
    first = newest(wanted)
    down(desk.ca)
    desk.shows = True
    desk.run(MINUTE)
    Authorization.objects.update(due_at=desk.now)
    looking = Authorization.objects.claim(first.authorizations.get().pk, desk.now)
    desk.run(timedelta(hours=3), until=lambda: newest(wanted).attempt == 2)
    with pytest.raises(LeaseLost):
        looking.let_go(desk.now, shown_at=desk.now)
    assert first.authorizations.get().due_at is None
