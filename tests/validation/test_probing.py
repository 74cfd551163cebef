"""validation/probing.py: when to look, what is written, and who may not write."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from audit.models import Entry
from leases import LeaseLost
from tests.conftest import NOW
from tests.validation.conftest import KEY_AUTHORIZATION
from validation import probing
from validation.methods import METHODS
from validation.methods.dns_01 import value_of
from validation.models import Authorization, Probe

VALUE = value_of(KEY_AUTHORIZATION)
NAME = "_acme-challenge.shop.example"


def claim_and_look(row: Authorization, now=NOW):
    Authorization.objects.filter(pk=row.pk).update(due_at=now)
    claimed = Authorization.objects.claim(row.pk, now)
    return probing.look(claimed, now)


@pytest.fixture
def row(alice, authorization_of, dns):
    return authorization_of(alice)


def test_nothing_there_waits_and_looks_again_in_two_seconds(row):
    finding = claim_and_look(row)
    row.refresh_from_db()
    assert (finding.slug, finding.in_place) == ("dns_nothing", False)
    assert row.last_finding == finding
    assert (row.shown_at, row.looks, row.lease_until) == (None, 1, None)
    assert timedelta(seconds=2) <= row.due_at - NOW < timedelta(seconds=5)


def test_in_place_is_written_and_no_further_look_is_planned(row, dns):
    dns.txt(NAME, VALUE)
    assert claim_and_look(row).in_place
    row.refresh_from_db()
    assert (row.shown_at, row.due_at) == (NOW, None)
    assert Probe.objects.get().in_place


@pytest.mark.parametrize(
    ("age", "pause"),
    [
        (timedelta(0), 2),
        (timedelta(seconds=59), 2),
        (timedelta(seconds=60), 5),
        (timedelta(minutes=5), 30),
        (timedelta(hours=1), 300),
        (timedelta(hours=6), 3600),
        (timedelta(days=6), 3600),
    ],
)
def test_looks_become_rarer(age, pause):
    assert probing.delay(age) == timedelta(seconds=pause)


def test_a_week_of_looking_is_a_few_hundred_looks():
    age, looks = timedelta(0), 0
    while age < timedelta(days=7):
        age += probing.delay(age)
        looks += 1
    assert looks < 500


def test_an_unchanged_finding_is_kept_only_every_tenth_time(row):
    for second in range(0, 40, 2):
        claim_and_look(row, NOW + timedelta(seconds=second))
    assert [probe.slug for probe in Probe.objects.all()] == ["dns_nothing"] * 3
    assert Entry.objects.filter(action="probe:changed").count() == 1


def test_a_changed_finding_is_kept_and_audited(row, dns):
    claim_and_look(row)
    dns.txt(NAME, "something-else")
    claim_and_look(row)
    dns.txt(NAME, "another-thing")
    claim_and_look(row)
    assert [probe.slug for probe in Probe.objects.order_by("pk")] == [
        "dns_nothing",
        "dns_wrong_value",
        "dns_wrong_value",
    ]
    assert [e.details["finding"] for e in Entry.objects.filter(action="probe:changed").order_by("pk")] == [
        "dns_nothing",
        "dns_wrong_value",
    ]


def test_what_vanished_is_no_longer_shown(row, dns):
    dns.txt(NAME, VALUE)
    claim_and_look(row)
    dns.remove(NAME, "TXT")
    assert row.look_again(NOW)
    row.refresh_from_db()
    assert row.shown_at is None
    claim_and_look(row)
    row.refresh_from_db()
    assert (row.shown_at, row.last_finding.slug) == (None, "dns_nothing")


def test_a_look_that_sees_it_gone_takes_the_word_back(row, dns):
    dns.txt(NAME, VALUE)
    claim_and_look(row)
    dns.remove(NAME, "TXT")
    claim_and_look(row)
    row.refresh_from_db()
    assert row.shown_at is None
    assert row.due_at is not None


def test_the_last_look_is_at_the_expiry_and_then_the_story_is_over(row):
    Authorization.objects.filter(pk=row.pk).update(expires_at=NOW + timedelta(seconds=1))
    claim_and_look(Authorization.objects.get(pk=row.pk))
    row.refresh_from_db()
    assert NOW < row.due_at <= NOW + timedelta(seconds=2)
    claim_and_look(row, NOW + timedelta(seconds=1))
    row.refresh_from_db()
    assert (row.due_at, row.last_finding.slug, row.shown_at) == (None, "expired", None)


def test_a_worker_that_lost_its_lease_writes_nothing(row, dns):
    dns.txt(NAME, VALUE)
    slow = Authorization.objects.claim(row.pk, NOW)
    later = NOW + timedelta(minutes=5)
    quick = Authorization.objects.claim(row.pk, later)
    with pytest.raises(LeaseLost):
        probing.look(slow, NOW)
    row.refresh_from_db()
    assert (row.shown_at, row.finding, Probe.objects.count(), Entry.objects.count()) == (None, {}, 0, 0)
    assert probing.look(quick, later).in_place


def test_a_look_by_the_old_method_does_not_count_for_the_new_one(row, dns):
    dns.txt(NAME, VALUE)
    claimed = Authorization.objects.claim(row.pk, NOW)
    assert row.choose("http-01", NOW)
    with pytest.raises(LeaseLost):
        probing.look(claimed, NOW)
    row.refresh_from_db()
    assert (row.method, row.shown_at, row.due_at) == ("http-01", None, NOW)


def test_a_changed_method_forgets_what_was_seen_and_looks_quickly_again(row, dns, web):
    claim_and_look(row)
    later = NOW + timedelta(days=1)
    assert row.choose("http-01", later)
    claim_and_look(Authorization.objects.get(pk=row.pk), later)
    row.refresh_from_db()
    assert row.last_finding.slug == "http_no_address"
    assert row.due_at - later < timedelta(seconds=20)


def test_what_the_ca_has_decided_is_not_changed_by_the_customer(row):
    Authorization.objects.filter(pk=row.pk).update(status="valid", due_at=None)
    assert not row.choose("http-01", NOW)
    assert not row.look_again(NOW)
    assert not row.insist(NOW)
    with pytest.raises(ValueError):
        row.choose("telepathy", NOW)


def test_a_method_the_ca_does_not_offer_is_said_so(alice, authorization_of):
    row = authorization_of(alice, method="http-01", wildcard=True)
    assert claim_and_look(row).slug == "not_offered"
    email = authorization_of(alice, method="email")
    assert claim_and_look(email).slug == "email_proves_nothing"


def test_a_look_that_breaks_says_so_and_goes_on(row, settings):
    settings.VALIDATION_NAMESERVERS = ["not a server:x"]
    assert claim_and_look(row).slug == "look_failed"
    row.refresh_from_db()
    assert row.due_at is not None


def test_check_now_wakes_and_is_rate_limited(row):
    later = NOW + timedelta(hours=2)
    Authorization.objects.filter(pk=row.pk).update(due_at=later + timedelta(minutes=5))
    probing.check_now(row, later)
    row.refresh_from_db()
    assert row.due_at == later
    with pytest.raises(probing.AskedTooSoon) as refused:
        probing.check_now(row, later + timedelta(seconds=1))
    assert refused.value.wait == timedelta(seconds=2)
    probing.check_now(row, later + timedelta(seconds=3))
    claim_and_look(row, later + timedelta(seconds=3))
    row.refresh_from_db()
    assert row.due_at - later < timedelta(seconds=20)


def test_check_now_has_nothing_to_do_when_it_is_shown_or_over(row):
    Authorization.objects.filter(pk=row.pk).update(due_at=None)
    with pytest.raises(probing.NothingToLookFor):
        probing.check_now(row, NOW)
    Authorization.objects.filter(pk=row.pk).update(due_at=NOW, status="invalid")
    with pytest.raises(probing.NothingToLookFor):
        probing.check_now(row, NOW)


def test_a_click_during_a_look_is_not_lost(row):
    claimed = Authorization.objects.claim(row.pk, NOW)
    clicked = NOW + timedelta(seconds=1)
    probing.check_now(row, clicked)
    Authorization.objects.filter(pk=row.pk).update(created_at=NOW - timedelta(days=1))
    claimed.created_at = NOW - timedelta(days=1)
    probing.look(claimed, NOW)
    row.refresh_from_db()
    assert row.due_at - NOW < timedelta(seconds=5)


def test_the_queue_gives_each_row_to_one_worker(row):
    assert Authorization.objects.claim_next(NOW).pk == row.pk
    assert Authorization.objects.claim_next(NOW) is None


def test_every_method_has_its_word():
    assert {slug: method.slug for slug, method in METHODS.items()} == {
        slug: slug for slug in ("http-01", "dns-01", "email", "dns-persist-01")
    }


def test_looks_by_the_hour_fall_on_a_handful_of_whole_minutes():
    later = NOW + timedelta(hours=1, seconds=17)
    moments = {probing.on_the_minute(later, uuid4()) for _n in range(200)}
    assert len(moments) == probing.SPREAD_MINUTES
    for moment in moments:
        assert (moment.second, moment.microsecond) == (0, 0)
        assert timedelta(minutes=50) < moment - NOW < later - NOW
