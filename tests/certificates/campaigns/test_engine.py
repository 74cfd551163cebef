"""A mass reissue at work: every certificate once, at its pace, whatever dies, and nobody's plan is done wrong."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from accounts.models import Letter
from audit.models import Entry
from certificates import issuance
from certificates.campaigns import engine, steering
from certificates.campaigns.progress import progress_of
from certificates.issuance import wishes
from certificates.models import AcmeOrder, CaLimit, Campaign, CaUse, Certificate, Issuance
from leases import LEASE, LeaseLost
from orders.models import Plan
from tests.certificates.issuance.desk import check_certificate, check_queue
from tests.factories import UserFactory, plan_for

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def begun() -> int:
    return Issuance.objects.filter(campaign__isnull=False).count()


def test_every_certificate_is_reissued_once_with_the_other_ca_and_then_it_is_done(desk, operator):
    old = [desk.certificate(UserFactory(), f"shop{n}.example") for n in range(5)]
    campaign = desk.start(operator)
    desk.live(HOUR)
    campaign.refresh_from_db()
    assert campaign.state == "done"
    for row in old:
        row.refresh_from_db()
        assert row.state == "superseded"
        new = Certificate.objects.get(plan=row.plan_id, state="valid")
        assert new.account == desk.other
        assert (new.issuance.replaces_id, new.issuance.campaign_id) == (row.pk, campaign.pk)
        assert new.issuance.kind == "rekey"
        assert {order.account_id for order in new.issuance.acme_orders.all()} == {desk.other.pk}
    done = progress_of(campaign, desk.now)
    assert (done.issued, done.to_come, done.total) == (5, 0, 5)
    words = ["campaign:started", "campaign:done"]
    assert (
        list(Entry.objects.filter(object_kind="campaign").order_by("pk").values_list("action", flat=True))
        == words
    )
    assert Entry.objects.filter(action="issuance:requested", actor="campaigns").count() == 5
    check_queue()
    for certificate in Certificate.objects.filter(account=desk.other).select_related("issuance__key"):
        check_certificate(certificate)


def test_no_more_are_begun_in_an_hour_than_was_said_and_a_pause_is_not_caught_up(desk, operator):
    for n in range(6):
        desk.certificate(UserFactory(), f"shop{n}.example")
    desk.shows = False
    campaign = desk.start(operator, per_hour=2)
    desk.live(HOUR * 0.9)
    assert begun() == 2
    steering.pause(campaign, by=operator, now=desk.now)
    desk.live(HOUR * 5)
    assert begun() == 2
    steering.resume(campaign, by=operator, now=desk.now)
    desk.live(HOUR * 0.4)
    assert begun() == 3
    desk.live(HOUR)
    assert begun() == 5
    moments = sorted(Issuance.objects.filter(campaign=campaign).values_list("created_at", flat=True))
    assert all(later - earlier >= HOUR / 2 for earlier, later in pairwise(moments))


def test_a_mass_reissue_at_full_speed_leaves_room_for_a_new_paid_order(desk, operator, alice):
    CaLimit.objects.create(account=desk.other, kind="orders", amount=10, seconds=3 * 3600)
    for n in range(14):
        desk.certificate(UserFactory(), f"shop{n}.example")
    campaign = desk.start(operator, per_hour=3600)
    desk.live(10 * MINUTE)
    assert begun() == 8, "a fifth of the window is left to others"
    waiting = AcmeOrder.objects.filter(problem__type="chancery:limit")
    assert not waiting.exists(), "and none is begun only to wait"
    plan = plan_for(alice, "alice.example", account=desk.other)
    paid = issuance.request(plan, by=alice, now=desk.now)
    desk.live(MINUTE)
    assert Certificate.objects.filter(issuance=paid).exists()
    desk.live(timedelta(hours=3))
    assert begun() == 14
    campaign.refresh_from_db()
    assert campaign.state == "done"


def test_orders_of_a_mass_reissue_that_wait_already_let_a_new_paid_order_pass(desk, operator, alice):
    for n in range(6):
        desk.certificate(UserFactory(), f"shop{n}.example")
    campaign = desk.start(operator, per_hour=3600)
    for _certificate in range(6):
        desk.go_on(campaign)
        desk.clock.move_to(desk.now + timedelta(seconds=2))
    assert begun() == 6
    CaLimit.objects.create(account=desk.other, kind="orders", amount=2, seconds=3600)
    desk.live(MINUTE)
    oldest = CaUse.objects.filter(kind="orders").earliest("at").at
    plan = plan_for(alice, "alice.example", account=desk.other)
    paid = issuance.request(plan, by=alice, now=desk.now)
    desk.live(MINUTE)
    assert paid.acme_orders.get().due_at == oldest + HOUR, "the slot that is shown is the next one"
    desk.live(HOUR)
    assert Certificate.objects.filter(issuance=paid).exists()


def test_customers_who_have_to_publish_are_written_to_once_and_counted_as_waiting(desk, operator):
    desk.certificate(UserFactory(), "shop.example")
    desk.shows = False
    campaign = desk.start(operator)
    desk.live(HOUR * 14)
    letters = Letter.objects.filter(kind="next_certificate_needs_you")
    assert letters.count() == 1
    assert "another certificate authority" in letters.get().body
    progress = progress_of(campaign, desk.now)
    assert (progress.waiting, progress.under_way, progress.to_come) == (1, 0, 0)


def test_a_plan_that_stops_the_moment_before_is_left_alone(desk, operator, monkeypatch):
    row = desk.certificate(UserFactory(), "shop.example")
    right = engine.closed_by_caa

    def stops(campaign, certificate):
        Plan.objects.filter(pk=row.plan_id).suspend()
        return right(campaign, certificate)

    monkeypatch.setattr(engine, "closed_by_caa", stops)
    campaign = desk.start(operator)
    desk.go_on(campaign)
    assert begun() == 0
    desk.live(HOUR)
    assert begun() == 0


@pytest.mark.parametrize("state", ["suspended", "ended"])
def test_nothing_is_begun_for_a_plan_that_does_not_run(desk, operator, state):
    row = desk.certificate(UserFactory(), "shop.example")
    Plan.objects.filter(pk=row.plan_id).update(state=state, suspended_from="active")
    desk.start(operator)
    desk.live(HOUR)
    assert begun() == 0
    assert Campaign.objects.get().state == "done"


def test_a_running_request_is_waited_for_and_its_certificate_taken_then(desk, operator, alice):
    row = desk.certificate(alice, "shop.example")
    wanted = issuance.request(row.plan, by=alice, now=desk.now, kind="rekey", account=desk.other)
    desk.shows = False
    campaign = desk.start(operator)
    desk.live(HOUR * 2)
    assert begun() == 0
    assert progress_of(campaign, desk.now).busy == 1
    assert Issuance.objects.filter(state="wanted").count() == 1
    issuance.withdraw(wanted, by=alice, now=desk.now)
    desk.shows = True
    desk.live(HOUR * 2)
    assert begun() == 1
    row.refresh_from_db()
    assert row.state == "superseded"


def test_a_name_that_caa_closes_is_left_out_once_remembered_and_no_customers_trouble(desk, operator, dns):
    row = desk.certificate(UserFactory(), "shop.example")
    dns.add("shop.example", "CAA", '0 issue "other.example"')
    campaign = desk.start(operator)
    desk.live(HOUR * 3)
    left = Issuance.objects.get(campaign=campaign)
    assert (left.state, left.replaces_id) == ("withdrawn", row.pk)
    assert "shop.example" in left.problem["detail"]
    assert AcmeOrder.objects.filter(issuance=left).count() == 0
    row.refresh_from_db()
    assert row.state == "valid"
    assert desk.standing(left).slug == "issued_not_installed"
    assert not Letter.objects.exists()
    campaign.refresh_from_db()
    assert (campaign.state, progress_of(campaign, desk.now).left_out) == ("done", 1)


def test_a_campaign_waits_while_the_other_ca_stands_still(desk, operator):
    desk.certificate(UserFactory(), "shop.example")
    desk.other.pause("new terms", desk.now)
    desk.start(operator)
    desk.live(HOUR)
    assert begun() == 0
    desk.other.resume()
    desk.live(MINUTE * 10)
    assert begun() == 1


def test_a_campaign_from_an_account_to_itself_comes_to_an_end(desk, operator):
    for n in range(3):
        row = desk.certificate(UserFactory(), f"shop{n}.example")
        Certificate.objects.filter(pk=row.pk).update(account=desk.other)
    campaign = desk.start(operator, from_account=desk.other)
    desk.live(HOUR * 4)
    campaign.refresh_from_db()
    assert (begun(), campaign.state) == (3, "done")


# --- what dies, and who else is at it ---------------------------------------------------------------------------


def test_a_worker_that_died_before_its_commit_has_begun_nothing(desk, operator, monkeypatch):
    desk.certificate(UserFactory(), "shop.example")
    campaign = desk.start(operator)

    def dies(*args, **kwargs):
        raise KeyboardInterrupt

    for place in ("request", "record"):
        with monkeypatch.context() as patch:
            patch.setattr(wishes, place, dies)
            with pytest.raises(KeyboardInterrupt):
                desk.go_on(campaign)
        assert begun() == 0
        desk.wait(LEASE + MINUTE)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "watch_from", dies)
        with pytest.raises(KeyboardInterrupt):
            desk.go_on(campaign)
    assert (begun(), AcmeOrder.objects.filter(account=desk.other).count()) == (0, 0)
    desk.wait(LEASE + MINUTE)
    desk.live(MINUTE * 5)
    assert begun() == 1
    assert Certificate.objects.filter(account=desk.other).count() == 1


def test_a_worker_that_stood_still_begins_nothing_after_another_took_over(desk, operator):
    for n in range(2):
        desk.certificate(UserFactory(), f"shop{n}.example")
    campaign = desk.start(operator, per_hour=3600)
    slow = desk.claim(campaign)
    desk.wait(LEASE + MINUTE)
    desk.go_on(campaign)
    assert begun() == 1
    certificate = Certificate.objects.filter(account=desk.account, plan__issuances__state="issued").first()
    with pytest.raises(LeaseLost):
        engine.begin(slow, certificate, desk.now)
    assert begun() == 1
    plans = Counter(Issuance.objects.filter(state="wanted").values_list("plan", flat=True))
    assert set(plans.values()) == {1}


def test_a_worker_whose_claim_another_has_taken_over_stops_at_once(desk, operator):
    desk.certificate(UserFactory(), "shop.example")
    campaign = desk.start(operator)
    slow = desk.claim(campaign)
    desk.wait(LEASE + MINUTE)
    assert desk.claim(campaign) is not None
    with pytest.raises(LeaseLost):
        engine.go_on(slow, desk.now)
    assert begun() == 0


def test_an_operator_who_pauses_stops_the_worker_that_is_at_it(desk, operator):
    row = desk.certificate(UserFactory(), "shop.example")
    campaign = desk.start(operator)
    claimed = desk.claim(campaign)
    steering.pause(campaign, by=operator, now=desk.now)
    claimed.from_account, claimed.to_account = desk.account, desk.other
    with pytest.raises(LeaseLost):
        engine.begin(claimed, row, desk.now)
    assert begun() == 0
    desk.live(HOUR)
    assert begun() == 0


def test_what_was_begun_goes_on_after_a_cancel(desk, operator):
    desk.certificate(UserFactory(), "one.example")
    desk.certificate(UserFactory(), "two.example")
    desk.shows = False
    campaign = desk.start(operator, per_hour=1)
    desk.live(MINUTE)
    steering.cancel(campaign, by=operator, now=desk.now)
    desk.shows = True
    desk.live(HOUR * 3)
    assert begun() == 1
    assert Certificate.objects.filter(account=desk.other).count() == 1
    for verb in (steering.pause, steering.resume, steering.cancel):
        with pytest.raises(wishes.NotPossible):
            verb(campaign, by=operator, now=desk.now)


def test_of_one_account_there_is_one_at_a_time(desk, operator):
    campaign = desk.start(operator)
    with pytest.raises(wishes.NotPossible):
        desk.start(operator)
    steering.pause(campaign, by=operator, now=desk.now)
    with pytest.raises(wishes.NotPossible):
        desk.start(operator)
    steering.cancel(campaign, by=operator, now=desk.now)
    desk.start(operator)
    for per_hour in (0, -1, 3601):
        with pytest.raises(wishes.NotPossible):
            desk.start(operator, per_hour=per_hour)
