"""A year of a plan: one certificate after the other, by itself, without a gap, whatever their length."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from accounts.models import Letter
from audit.models import Entry
from certificates.models import Certificate, Issuance, PrivateKey, RenewalInfo
from orders.models import Plan
from tests.certificates import samples

DAY = timedelta(days=1)


def story(plan) -> list[Certificate]:
    return list(Certificate.objects.filter(plan=plan).order_by("issued_at"))


def check_no_gap(plan) -> None:
    rows = story(plan)
    for earlier, later in pairwise(rows):
        assert later.issued_at < earlier.not_after
        assert earlier.state == "superseded"
        assert later.issuance.replaces_id == earlier.pk
        # Not sooner than needed either: two thirds of the lifetime have been used.
        assert later.issued_at - earlier.issued_at > (earlier.not_after - earlier.not_before) * 0.6
    assert rows[-1].not_after >= plan.ends_at - DAY


@pytest.mark.parametrize(
    ("days", "least", "has_ari"), [(47, 11, True), (100, 5, True), (47, 11, False), (200, 2, False)]
)
def test_a_year_is_covered(desk, account, alice, days, least, has_ari):
    desk.ca.days = days
    if not has_ari:
        del desk.ca.directory["renewalInfo"]
    first = desk.first(alice, "shop.example", "www.shop.example")
    plan = Plan.objects.get(pk=first.plan_id)
    desk.live(plan.ends_at + 5 * DAY)
    plan.refresh_from_db()
    assert plan.state == "ended"
    check_no_gap(plan)
    rows = story(plan)
    assert least <= len(rows) <= least + 2
    # New keys each time, and nobody but the process asked for them.
    assert len({row.spki_sha256 for row in rows}) == len(rows) == PrivateKey.objects.count()
    asked = Issuance.objects.filter(plan=plan).exclude(kind="first")
    assert {(row.kind, row.requested_by_id, row.state) for row in asked} == {("rekey", None, "issued")}
    assert Entry.objects.filter(action="issuance:requested", actor="renewals").count() == len(rows) - 1
    # The CA was told each time what is replaced, where it can be told.
    assert [told is not None for told in desk.ca.told] == [False] + [has_ari] * (len(rows) - 1)
    # Nothing was left to the owner, so nobody was written to, but for the last one, which ends with the plan.
    letters = Counter(Letter.objects.values_list("kind", flat=True))
    assert letters["certificate_issued"] == len(rows)
    assert letters["next_certificate_needs_you"] == letters["next_certificate_blocked"] == 0
    reminders = Letter.objects.filter(kind="certificate_ending").values_list("occasion", flat=True)
    assert all(str(rows[-1].pk) in occasion for occasion in reminders)
    assert not RenewalInfo.objects.filter(due_at__isnull=False).exclude(certificate=rows[-1]).exists()
    desk.check()


def test_the_customers_own_csr_is_used_again(desk, account, alice):
    csr = samples.pem(samples.csr(["shop.example"], common=None))
    desk.ca.days = 100
    first = desk.first(alice, "shop.example", pasted=csr)
    desk.live(desk.now + 80 * DAY)
    rows = story(first.plan)
    assert len(rows) == 2
    assert rows[0].spki_sha256 == rows[1].spki_sha256
    assert rows[1].issuance.kind == "reissue"
    assert rows[1].issuance.key is None


def test_an_owner_who_publishes_late_is_told_once_and_then_reminded(desk, account, alice):
    first = desk.first(alice, "shop.example")
    desk.shows = False
    desk.live(first.not_after - 28 * DAY)  # the CA’s window ends 28.2 days before
    desk.live(first.not_after - 20 * DAY, queues=("renewals",))
    assert [row.kind for row in Letter.objects.exclude(kind="certificate_issued")] == [
        "next_certificate_needs_you"
    ]
    letter = Letter.objects.get(kind="next_certificate_needs_you")
    assert "shop.example" in letter.subject
    wanted = Issuance.objects.get(state="wanted")
    assert desk.standing(wanted).slug == "waiting_for_you"
    desk.live(first.not_after - DAY / 2, queues=("renewals",))
    kinds = Counter(Letter.objects.values_list("kind", flat=True))
    assert kinds["next_certificate_needs_you"] == 1
    assert kinds["certificate_ending"] == 4  # 14, 7, 3 and 1, which say that it waits
    assert "See what it waits for" in Letter.objects.filter(kind="certificate_ending").first().body
    desk.shows = True
    desk.live(desk.now + DAY / 4)
    assert len(story(first.plan)) == 2
    assert story(first.plan)[1].issued_at < first.not_after


def test_a_renewal_that_its_owner_ignores_costs_one_order_and_no_mail_each_time_it_expires(
    desk, account, alice
):
    first = desk.first(alice, "shop.example")
    desk.shows, desk.ca.authz_life = False, timedelta(hours=1)
    before = desk.ca.asked_for["newOrder"]
    desk.live(first.not_after - DAY / 2)
    assert desk.ca.asked_for["newOrder"] - before == 1
    wanted = Issuance.objects.get(state="wanted")
    assert wanted.acme_orders.get().waiting_for == "customer"
    kinds = Counter(Letter.objects.exclude(kind="certificate_issued").values_list("kind", flat=True))
    assert kinds == {"next_certificate_needs_you": 1, "certificate_ending": 4}


def test_an_order_so_short_that_it_expires_before_anybody_looks_is_told_all_the_same(desk, account, alice):
    first = desk.first(alice, "shop.example")
    desk.shows, desk.ca.authz_life = False, timedelta(minutes=2)
    desk.live(first.not_after - 20 * DAY)
    assert Letter.objects.filter(kind="next_certificate_needs_you").count() == 1
    assert not Letter.objects.filter(kind="order_expired").exists()
