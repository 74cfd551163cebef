"""One certificate's replacement: what the CA says, what stands in the way, and that nothing happens twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from accounts.models import Letter
from audit.models import Entry
from certificates import issuance
from certificates.connectors.rfc8555 import client as clients
from certificates.models import (
    Activation,
    CaAccount,
    Certificate,
    Issuance,
    ProductIssuer,
    RenewalInfo,
    Revocation,
)
from certificates.renewal import engine, opening, switch
from leases import LEASE, LeaseLost
from orders.models import Plan
from tests.certificates import samples
from tests.certificates.connectors.rough_ca import Reply, problem

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def row_of(certificate) -> RenewalInfo:
    return RenewalInfo.objects.get(certificate=certificate)


def asked(desk) -> int:
    return desk.ca.asked_for["renewalInfo"]


def recall(desk, *, begins: float = -1, hours: float = 24) -> None:
    """The CA moves the window of every certificate to now: it is about to revoke them."""
    desk.ca.window = (desk.now + HOUR * begins, desk.now + HOUR * hours)
    desk.ca.recalled = set(desk.ca.issued)
    desk.ca.explanation = "https://ca.example/incident"


def wanted() -> list[Issuance]:
    return list(Issuance.objects.filter(state="wanted"))


# --- when ---------------------------------------------------------------------------------------------------------


def test_a_row_is_opened_with_the_certificate_and_for_those_that_have_none(desk, account, alice):
    first = desk.first(alice, "shop.example")
    row = row_of(first)
    assert row.due_at < desk.now + HOUR
    assert row.reissue_at < first.not_after - (first.not_after - first.not_before) / 3
    RenewalInfo.objects.all().delete()
    assert opening.open_missing(desk.now) == 1
    assert opening.open_missing(desk.now) == 0
    assert row_of(first).due_at is not None


def test_the_moment_is_drawn_once_and_kept_while_the_window_stays(desk, account, alice):
    first = desk.first(alice, "shop.example")
    row = desk.look(first)
    assert row.window_start <= row.reissue_at <= row.window_end
    for _again in range(5):
        desk.wait(DAY)
        assert desk.look(first).reissue_at == row.reissue_at
    assert asked(desk) == 6
    assert row_of(first).checked_at > desk.now - MINUTE
    assert not Entry.objects.filter(action="certificate:renewal_moved").exists()


def test_a_window_moved_into_the_past_by_the_ca_means_now(desk, account, alice):
    first = desk.first(alice, "shop.example")
    desk.look(first)
    desk.live(desk.now + 3 * DAY)
    assert Certificate.objects.count() == 1
    recall(desk, hours=-0.5)
    desk.live(desk.now + 1.2 * DAY)
    rows = list(Certificate.objects.order_by("issued_at"))
    assert [row.state for row in rows] == ["superseded", "valid"]
    moved = Entry.objects.filter(action="certificate:renewal_moved").first()
    assert moved.details["why"] == "https://ca.example/incident"


def test_a_ca_that_recalls_every_new_certificate_does_not_get_an_order_every_hour(desk, account, alice):
    first = desk.first(alice, "shop.example")
    recall(desk)
    desk.ca.recalled = None
    desk.live(desk.now + 2 * DAY)
    assert Certificate.objects.count() == 4
    assert desk.standing(first.issuance).slug == "reissue_due"
    assert Letter.objects.filter(kind="next_certificate_blocked").count() == 1
    desk.live(desk.now + 10 * DAY)
    assert Certificate.objects.count() <= 7


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        ("7200", 2 * HOUR, 2 * HOUR),
        ("0", MINUTE, MINUTE),
        ("5", MINUTE, MINUTE),
        ("99999999", DAY, DAY),
        (None, 6 * HOUR, 6 * HOUR),
        ("soon", 6 * HOUR, 6 * HOUR),
        ("date", 3 * HOUR, 3 * HOUR),
    ],
)
def test_retry_after_is_obeyed_within_bounds(desk, account, alice, said, least, most):
    first = desk.first(alice, "shop.example")
    desk.ca.ari_retry_after = format_datetime(desk.now + 3 * HOUR, usegmt=True) if said == "date" else said
    begun = desk.now
    row = desk.look(first)
    slack = timedelta(seconds=5)
    assert begun + least - slack <= row.ask_at <= desk.now + most + slack
    before = asked(desk)
    assert desk.look(first).ask_at == row.ask_at
    assert asked(desk) == before


@pytest.mark.parametrize(
    "reply",
    [
        problem("serverInternal", 500),
        problem("malformed", 404),
        Reply(200, b"<html>"),
        Reply(200, {}),
        Reply(200, {"suggestedWindow": {}}),
        Reply(200, {"suggestedWindow": "tomorrow"}),
        Reply(200, {"suggestedWindow": {"start": "2027-02-01T00:00:00Z", "end": "2027-01-01T00:00:00Z"}}),
        Reply(200, {"suggestedWindow": {"start": "2027-02-01T00:00:00Z", "end": "2027-02-01T00:00:00Z"}}),
        Reply(200, {"suggestedWindow": {"start": 1, "end": None}}),
        Reply(dies="before"),
    ],
    ids=["500", "404", "html", "empty", "no window", "text", "backwards", "no length", "numbers", "reset"],
)
def test_a_ca_that_does_not_answer_well_changes_no_plan_and_is_asked_later(desk, account, alice, reply):
    first = desk.first(alice, "shop.example")
    by_age = row_of(first).reissue_at
    desk.ca.spoil_always("renewalInfo", reply)
    row = desk.look(first)
    assert (row.reissue_at, row.window_start) == (by_age, None)
    assert row.tries == 1
    assert desk.now + MINUTE - timedelta(seconds=2) <= row.ask_at <= desk.now + DAY
    assert row.due_at <= row.reissue_at
    for _again in range(12):
        desk.wait(DAY)
        row = desk.look(first)
    assert row.ask_at >= desk.now + HOUR
    desk.ca.heal()
    desk.wait(DAY)
    row = desk.look(first)
    assert row.window_start is not None
    assert row.tries == 0


def test_a_ca_that_learns_to_tell_is_asked_within_a_week(desk, account, alice):
    CaAccount.objects.update(has_renewal_info=False)
    del desk.ca.directory["renewalInfo"]
    first = desk.first(alice, "shop.example")
    assert (row_of(first).ask_at, asked(desk)) == (None, 0)
    assert row_of(first).due_at <= desk.now + 7 * DAY
    # What has been read of the directory is an hour old at most.
    desk.ca.directory["renewalInfo"] = desk.ca.url("/renewalInfo")
    clients._clients.clear()
    CaAccount.objects.update(has_renewal_info=True)
    desk.live(desk.now + 8 * DAY, queues=("renewals",))
    assert row_of(first).window_start is not None


def test_the_question_needs_no_key_of_ours(desk, account, alice):
    first = desk.first(alice, "shop.example")
    CaAccount.objects.update(sealed_key=b"cannot be opened", paused_at=desk.now, enabled=False)
    assert desk.look(first).window_start is not None
    assert bytes(CaAccount.objects.get().sealed_key) == b"cannot be opened"


def test_429_is_obeyed(desk, account, alice):
    first = desk.first(alice, "shop.example")
    desk.ca.spoil("renewalInfo", problem("rateLimited", 429, headers={"Retry-After": "10800"}))
    row = desk.look(first)
    assert abs(row.ask_at - desk.now - 3 * HOUR) < MINUTE


def test_a_window_after_the_end_leaves_time_enough_all_the_same(desk, account, alice):
    first = desk.first(alice, "shop.example")
    desk.ca.window = (first.not_after, first.not_after + 9 * DAY)
    assert desk.look(first).reissue_at <= first.not_after - (first.not_after - first.not_before) / 10


def test_an_explanation_that_is_no_web_address_is_not_kept(desk, account, alice):
    first = desk.first(alice, "shop.example")
    desk.ca.explanation = "javascript:alert(1)"
    assert desk.look(first).explanation_url == ""


# --- what stands in the way -----------------------------------------------------------------------------------------


def at_its_time(desk, certificate) -> RenewalInfo:
    RenewalInfo.objects.filter(certificate=certificate).update(reissue_at=desk.now, ask_at=desk.now + DAY)
    return desk.look(certificate)


@pytest.mark.parametrize("state", ["suspended", "ended"])
def test_nothing_is_ordered_for_a_plan_that_does_not_run(desk, account, alice, state):
    first = desk.first(alice, "shop.example")
    Plan.objects.filter(pk=first.plan_id).update(state=state, suspended_from="active")
    row = at_its_time(desk, first)
    assert wanted() == []
    assert (row.due_at is None) == (state == "ended")
    assert not Letter.objects.exclude(kind="certificate_issued").exists()


def test_a_plan_suspended_in_the_last_moment_is_seen(desk, account, alice, monkeypatch):
    first = desk.first(alice, "shop.example")
    right = RenewalInfo.renew_lease

    def suspends(row, now):
        Plan.objects.filter(pk=first.plan_id).suspend()
        right(row, now)

    monkeypatch.setattr(RenewalInfo, "renew_lease", suspends)
    at_its_time(desk, first)
    assert wanted() == []


def test_a_plan_that_ends_with_its_certificate_gets_no_other_one_unless_the_ca_recalls_it(
    desk, account, alice
):
    first = desk.first(alice, "shop.example")
    Plan.objects.filter(pk=first.plan_id).update(ends_at=first.not_after)
    row = at_its_time(desk, first)
    assert (wanted(), row.problem) == ([], None)
    recall(desk)
    RenewalInfo.objects.update(ask_at=desk.now)
    desk.look(first)
    RenewalInfo.objects.update(reissue_at=desk.now)
    desk.look(first)
    assert len(wanted()) == 1


def test_who_switched_it_off_is_reminded_like_everybody_and_told_at_once_of_a_recall(desk, account, alice):
    first = desk.first(alice, "shop.example")
    switch.set_automatic(Activation.objects.get(), on=False, by=alice, now=desk.now)
    row = at_its_time(desk, first)
    assert wanted() == []
    assert row.problem["type"] == "chancery:renewal_automatic_off"
    assert not Letter.objects.filter(kind="next_certificate_blocked").exists()
    recall(desk, begins=1)
    for _again in range(3):
        RenewalInfo.objects.update(ask_at=desk.now)
        desk.look(first)
        RenewalInfo.objects.update(reissue_at=desk.now)
        desk.look(first)
    letter = Letter.objects.get(kind="next_certificate_blocked")
    assert "https://ca.example/incident" in letter.body
    assert "may be revoked" in letter.body
    # Once before the recall, which gave it another time, and once at that time.
    assert Entry.objects.filter(action="certificate:renewal_blocked").count() == 2
    switch.set_automatic(Activation.objects.get(), on=True, by=alice, now=desk.now)
    assert row_of(first).due_at <= desk.now
    desk.look(first)
    assert [row.kind for row in wanted()] == ["rekey"]


def test_without_a_ca_its_owner_is_told_once_and_the_reminder_does_not_say_it_again(desk, account, alice):
    first = desk.first(alice, "shop.example")
    ProductIssuer.objects.all().delete()
    desk.live(first.not_after - 15 * DAY, queues=("renewals",))
    kinds = list(Letter.objects.exclude(kind="certificate_issued").values_list("kind", flat=True))
    assert kinds == ["next_certificate_blocked"]
    assert desk.standing(first.issuance).slug == "reissue_due"
    assert "certificate authority" in desk.standing(first.issuance).sentence


def test_a_csr_whose_key_became_known_is_never_used_again(desk, account, alice):
    csr = samples.pem(samples.csr(["shop.example"], common=None))
    first = desk.first(alice, "shop.example", pasted=csr)
    other = Certificate.objects.create(
        **{
            name: getattr(first, name)
            for name in (
                "plan",
                "owner",
                "names",
                "leaf_pem",
                "issuer",
                "spki_sha256",
                "not_before",
                "not_after",
                "issued_at",
            )
        },
        issuance=Issuance.objects.create(plan=first.plan, state="issued", names=[], created_at=desk.now),
        state="superseded",
        serial="ff",
        fingerprint="f" * 64,
    )
    Revocation.objects.create(certificate=other, reason=1, asked_at=desk.now, done_at=desk.now)
    row = at_its_time(desk, first)
    assert wanted() == []
    assert row.problem["type"] == "chancery:renewal_key_compromised"
    assert Letter.objects.filter(kind="next_certificate_blocked").count() == 1


def test_a_certificate_that_is_to_be_revoked_is_not_replaced_unasked(desk, account, alice):
    first = desk.first(alice, "shop.example")
    Revocation.objects.create(certificate=first, reason=5, asked_at=desk.now)
    assert at_its_time(desk, first).problem is None
    assert wanted() == []


def test_what_its_owner_took_back_is_not_ordered_a_second_time(desk, account, alice):
    first = desk.first(alice, "shop.example")
    desk.shows = False
    at_its_time(desk, first)
    issuance.withdraw(wanted()[0], by=alice, now=desk.now)
    row = desk.look(first)
    assert (wanted(), row.problem["type"]) == ([], "chancery:renewal_given_up")
    assert not Letter.objects.filter(kind="next_certificate_blocked").exists()


def test_the_owners_own_request_is_left_alone_and_not_written_about(desk, account, alice):
    first = desk.first(alice, "shop.example")
    desk.shows = False
    mine = issuance.request(first.plan, by=alice, now=desk.now, kind="rekey", replaces=first)
    desk.run(HOUR)
    at_its_time(desk, first)
    assert wanted() == [mine]
    assert not Letter.objects.filter(kind__startswith="next_").exists()


@pytest.mark.parametrize("state", ["superseded", "revoked", "expired"])
def test_the_story_ends_with_the_certificate(desk, account, alice, state):
    first = desk.first(alice, "shop.example")
    Certificate.objects.filter(pk=first.pk).update(state=state)
    assert at_its_time(desk, first).due_at is None
    assert wanted() == []


# --- twice ------------------------------------------------------------------------------------------------------------


def test_two_workers_order_once(desk, account, alice):
    first = desk.first(alice, "shop.example")
    RenewalInfo.objects.update(reissue_at=desk.now, ask_at=desk.now + DAY, due_at=desk.now)
    slow = RenewalInfo.objects.claim(row_of(first).pk, desk.now)
    desk.wait(LEASE + MINUTE)
    quick = RenewalInfo.objects.claim(row_of(first).pk, desk.now)
    with pytest.raises(LeaseLost):
        engine.order_next(slow, Certificate.objects.select_related("plan__owner").get(), desk.now)
    assert wanted() == []
    engine.look(quick, desk.now)
    assert len(wanted()) == 1
    assert wanted()[0].replaces_id == first.pk


def test_a_worker_that_dies_before_its_commit_has_ordered_nothing(desk, account, alice, monkeypatch):
    first = desk.first(alice, "shop.example")

    def dies(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RenewalInfo, "let_go", dies)
        with pytest.raises(KeyboardInterrupt):
            at_its_time(desk, first)
    assert wanted() == []
    desk.wait(LEASE + MINUTE)
    desk.look(first)
    assert len(wanted()) == 1


def test_a_request_that_waits_is_written_about_once_however_often_one_looks(desk, account, alice):
    first = desk.first(alice, "shop.example")
    desk.shows = False
    at_its_time(desk, first)
    desk.run(10 * MINUTE)
    for _again in range(4):
        desk.look(first)
        desk.wait(7 * HOUR)
    assert Letter.objects.filter(kind="next_certificate_needs_you").count() == 1
    assert len(wanted()) == 1


def test_nothing_leaves_before_1970_or_after_the_end_of_time(desk, account, alice):
    first = desk.first(alice, "shop.example")
    for window in (
        (datetime(1, 1, 2, tzinfo=UTC), datetime(1, 1, 3, tzinfo=UTC)),
        (datetime(9999, 12, 30, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
    ):
        desk.ca.window = window
        RenewalInfo.objects.update(ask_at=desk.now)
        desk.look(first)
        assert row_of(first).due_at is not None or Certificate.objects.count() == 2
