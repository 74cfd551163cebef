"""The ten headlines, derived from rows: one test per way to get there."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certificates.models import AcmeOrder, Certificate, Issuance, Revocation
from certificates.next_step import next_step
from certificates.standing import Headline, Standing, names_of, standing_of, with_standing
from certificates.term import WIDTH, term_of
from certificates.validity import longest_days, next_change
from orders.models import Plan
from portal.standings import face
from tests.conftest import NOW
from tests.factories import PlanFactory, certificate_for, issuance_for, plan_for

DAY = timedelta(days=1)


def fetched(plan: Plan) -> Plan:
    return with_standing(Plan.objects.filter(pk=plan.pk)).get()


def read(plan: Plan, now: datetime = NOW) -> Standing:
    return standing_of(fetched(plan), now)


def running(alice, **order) -> Standing:
    plan = plan_for(alice)
    issuance_for(plan, **order)
    return read(plan)


def test_every_headline_has_a_word_and_a_picture():
    assert all(face(headline).word for headline in Headline)


# --- setting up -------------------------------------------------------------------------------------


def test_a_plan_without_activation_needs_setup(alice):
    plan = PlanFactory(owner=alice, order_names=["fresh.example"])
    assert read(plan).slug == Headline.SETUP_NEEDED
    assert "four short steps" in read(plan).sentence
    assert names_of(fetched(plan)) == ["fresh.example"]


@pytest.mark.parametrize(
    ("missing", "step"),
    [
        ("contacts_done_at", "Step 2 of 4, Contacts"),
        ("methods_done_at", "Step 3 of 4, Authentication method"),
    ],
)
def test_a_begun_setup_says_where_it_goes_on(alice, missing, step):
    plan = plan_for(alice)
    setattr(plan.activation, missing, None)
    plan.activation.save()
    assert step in read(plan).sentence


def test_a_withdrawn_request_leads_back_to_finish(alice):
    plan = plan_for(alice)
    issuance_for(plan)
    Issuance.objects.update(state="withdrawn", ended_at=NOW)
    assert read(plan).slug == Headline.SETUP_NEEDED
    assert "Step 3 of 4" in read(plan).sentence


def test_a_refusal_for_good_asks_for_other_names(alice):
    plan = plan_for(alice)
    issuance_for(plan, status="invalid")
    Issuance.objects.update(state="failed", ended_at=NOW)
    assert read(plan).slug == Headline.SETUP_NEEDED
    assert "will not issue for these names" in read(plan).sentence


# --- on its way -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "slug", "who"),
    [
        ({}, Headline.CHECKING, "us"),
        ({"problem": {"type": "x"}}, Headline.CHECKING, "us"),
        ({"url": "https://ca/1"}, Headline.CHECKING, "us"),
        ({"url": "https://ca/1", "waiting_for": "customer"}, Headline.WAITING_FOR_YOU, "customer"),
        ({"url": "https://ca/1", "waiting_for": "ca", "answered_at": NOW}, Headline.CHECKING, "ca"),
        ({"url": "https://ca/1", "status": "ready"}, Headline.ISSUING, "ca"),
        ({"url": "https://ca/1", "status": "processing"}, Headline.ISSUING, "ca"),
        ({"url": "https://ca/1", "status": "valid"}, Headline.ISSUING, "ca"),
        ({"url": "https://ca/1", "status": "invalid"}, Headline.WAITING_FOR_YOU, "customer"),
        ({"url": "https://ca/1", "waiting_for": "operator"}, Headline.CHECKING, "operator"),
    ],
)
def test_a_request_says_who_must_act(alice, order, slug, who):
    standing = running(alice, **order)
    assert (standing.slug, standing.who) == (slug, who)
    assert standing.sentence.endswith(".")
    assert standing.moving


def test_it_says_when_we_look_next(alice):
    due = NOW + timedelta(seconds=30)
    assert running(alice, url="https://ca/1", waiting_for="customer", due_at=due).next_look_at == due


def test_the_newest_try_counts(alice):
    plan = plan_for(alice)
    issuance = issuance_for(plan, url="https://ca/1", status="invalid")
    AcmeOrder.objects.create(
        issuance=issuance, account=issuance.acme_orders.get().account, attempt=2, created_at=NOW, url="https://ca/2",
        status="processing",
    )  # fmt: skip
    assert read(plan).slug == Headline.ISSUING


# --- with a certificate -----------------------------------------------------------------------------


def test_an_issued_certificate_is_not_installed_until_it_was_seen(alice):
    plan = plan_for(alice)
    certificate_for(plan)
    assert read(plan).slug == Headline.ISSUED
    Certificate.objects.update(installed_at=NOW)
    assert read(plan).slug == Headline.SECURED
    assert not read(plan).moving


def test_a_reissue_is_due_when_a_third_of_the_life_is_left(alice):
    plan = plan_for(alice)
    certificate = certificate_for(plan, days=90, installed_at=NOW)
    life = certificate.not_after - certificate.not_before
    due = certificate.not_after - life / 3
    assert read(plan, due - timedelta(seconds=1)).slug == Headline.SECURED
    assert read(plan, due).slug == Headline.REISSUE_DUE
    assert read(plan, certificate.not_after).slug == Headline.EXPIRED


def test_no_reissue_is_due_when_the_plan_ends_with_the_certificate(alice):
    plan = plan_for(alice)
    certificate = certificate_for(plan, days=90, installed_at=NOW)
    Plan.objects.filter(pk=plan.pk).update(ends_at=certificate.not_after + timedelta(hours=23))
    assert read(plan, certificate.not_after - DAY).slug == Headline.SECURED


def test_a_running_reissue_is_told_before_the_certificate_that_is_still_good(alice):
    plan = plan_for(alice)
    certificate_for(plan, installed_at=NOW)
    issuance_for(plan, kind="rekey", url="https://ca/2", status="processing")
    assert read(plan).slug == Headline.ISSUING


def test_a_refused_reissue_leaves_the_certificate_in_force(alice):
    plan = plan_for(alice)
    certificate_for(plan, installed_at=NOW)
    issuance_for(plan, kind="rekey", status="invalid")
    Issuance.objects.filter(state="wanted").update(state="failed", ended_at=NOW)
    assert read(plan).slug == Headline.SECURED


def test_the_newest_certificate_speaks_for_the_plan(alice):
    plan = plan_for(alice)
    certificate_for(plan, issued_at=NOW - 40 * DAY, state="superseded", installed_at=NOW)
    certificate_for(plan, names=["other.example"], kind="rekey")
    assert read(plan).slug == Headline.ISSUED
    assert names_of(fetched(plan)) == ["other.example"]


@pytest.mark.parametrize(("ends", "words"), [(30, "it costs nothing more"), (-1, "Order a new one")])
def test_an_expired_certificate_says_whether_the_plan_goes_on(alice, ends, words):
    plan = plan_for(alice)
    certificate_for(plan, issued_at=NOW - 100 * DAY, days=90)
    Plan.objects.filter(pk=plan.pk).update(ends_at=NOW + ends * DAY)
    assert read(plan).slug == Headline.EXPIRED
    assert words in read(plan).sentence


def test_a_revoked_certificate_counts_as_none(alice):
    plan = plan_for(alice)
    certificate_for(plan, state="revoked", installed_at=NOW)
    assert read(plan).slug == Headline.REISSUE_DUE
    assert "revoked" in read(plan).sentence


def test_revoked_in_a_plan_that_is_over_has_nothing_to_come(alice):
    plan = plan_for(alice)
    certificate_for(plan, state="revoked")
    Plan.objects.filter(pk=plan.pk).update(ends_at=NOW)
    assert read(plan).slug == Headline.EXPIRED
    assert "revoked" in read(plan).sentence


def asked(certificate: Certificate, **columns) -> Revocation:
    columns = {"reason": 4, "asked_by": certificate.owner, "asked_at": NOW, "due_at": NOW} | columns
    return Revocation.objects.create(certificate=certificate, **columns)


def test_a_certificate_that_is_being_revoked_is_not_secured(alice):
    plan = plan_for(alice)
    asked(certificate_for(plan, installed_at=NOW))
    assert read(plan).slug == Headline.REISSUE_DUE
    assert "Revocation under way" in read(plan).sentence


def test_a_refusal_leaves_a_certificate_what_it_is_unless_its_key_is_known(alice):
    plan = plan_for(alice)
    row = asked(certificate_for(plan, installed_at=NOW), refused_at=NOW, due_at=None)
    assert read(plan).slug == Headline.SECURED
    Revocation.objects.filter(pk=row.pk).update(reason=1)
    assert read(plan).slug == Headline.REISSUE_DUE
    assert "known to others" in read(plan).sentence


def test_a_known_key_of_the_customers_own_needs_another_csr(alice):
    plan = plan_for(alice)
    asked(certificate_for(plan, key="pasted"), reason=1, done_at=NOW, due_at=None)
    Certificate.objects.update(state="revoked")
    standing = read(plan)
    assert standing.slug == Headline.SETUP_NEEDED
    step = next_step(fetched(plan), standing, NOW)
    assert step is not None
    assert step.label == "Bring a new CSR"
    type(plan.activation).objects.update(csr_done_at=NOW + timedelta(minutes=1))
    assert read(plan).slug == Headline.REISSUE_DUE


def test_a_revoked_predecessor_says_nothing_about_its_successor(alice):
    plan = plan_for(alice)
    asked(certificate_for(plan, state="revoked"), done_at=NOW, due_at=None)
    certificate_for(plan, issued_at=NOW + timedelta(minutes=1), installed_at=NOW)
    assert read(plan, NOW + timedelta(minutes=2)).slug == Headline.SECURED


@pytest.mark.parametrize("state", ["suspended", "ended"])
def test_a_plan_that_stands_still_is_cancelled_whatever_else_is_so(alice, state):
    plan = plan_for(alice)
    certificate_for(plan, installed_at=NOW)
    issuance_for(plan, kind="rekey", url="https://ca/2")
    Plan.objects.filter(pk=plan.pk).update(state=state)
    assert read(plan).slug == Headline.CANCELLED


def test_fetching_takes_the_same_number_of_queries_for_one_plan_and_for_many(alice, bob):
    counts = []
    for owner, number in ((alice, 1), (bob, 6)):
        for _plan in range(number):
            certificate_for(plan_for(owner))
            issuance_for(plan_for(owner), url=None)
            PlanFactory(owner=owner, order_names=["a.example"])
        with CaptureQueriesContext(connection) as queries:
            for plan in with_standing(Plan.objects.of(owner)):
                next_step(plan, standing_of(plan, NOW), NOW)
                names_of(plan)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- what to do next --------------------------------------------------------------------------------


def test_each_standing_has_the_step_that_fits(alice):
    plan = plan_for(alice)
    assert next_step(fetched(plan), read(plan), NOW).label == "Continue setup"
    issuance_for(plan, url="https://ca/1", waiting_for="customer")
    assert next_step(fetched(plan), read(plan), NOW).label == "See what to publish"
    AcmeOrder.objects.update(status="processing")
    assert next_step(fetched(plan), read(plan), NOW).label == "See progress"
    Issuance.objects.all().update(state="withdrawn")
    certificate_for(plan, issued_at=NOW - DAY)
    assert next_step(fetched(plan), read(plan), NOW).label == "Download Certificate"
    later = NOW + 80 * DAY
    assert next_step(fetched(plan), read(plan, later), later).label == "Get the next certificate"
    over = NOW + 400 * DAY
    assert next_step(fetched(plan), read(plan, over), over).label == "Order now"
    Certificate.objects.update(installed_at=NOW)
    assert next_step(fetched(plan), read(plan), NOW) is None


# --- the term ---------------------------------------------------------------------------------------


def test_the_bar_lays_the_certificates_over_the_term(alice):
    plan = plan_for(alice)
    Plan.objects.filter(pk=plan.pk).update(starts_at=NOW - 100 * DAY, ends_at=NOW + 100 * DAY)
    plan.refresh_from_db()
    old = certificate_for(plan, issued_at=NOW - 100 * DAY, days=50, state="superseded")
    new = certificate_for(plan, issued_at=NOW - 20 * DAY, days=60)
    term = term_of(plan, [new, old], NOW)
    assert [stretch.current for stretch in term.stretches] == [False, True]
    assert (term.stretches[0].left, term.stretches[0].width) == (0, WIDTH // 4)
    assert term.today == WIDTH // 2
    assert term.next_at is not None
    assert term.next_at < new.not_after


def test_a_certificate_that_outlasts_the_plan_stays_on_the_bar_and_needs_no_next(alice):
    plan = plan_for(alice)
    Plan.objects.filter(pk=plan.pk).update(starts_at=NOW - 10 * DAY, ends_at=NOW + 30 * DAY)
    plan.refresh_from_db()
    term = term_of(plan, [certificate_for(plan)], NOW)
    assert term.stretches[0].left + term.stretches[0].width == WIDTH
    assert term.next_at is None
    assert term_of(plan, [], NOW + 60 * DAY).today is None
    assert term_of(plan, [], NOW + 60 * DAY).over


def test_the_longest_life_of_a_certificate_is_data_with_dates():
    assert longest_days(NOW) == 200
    change = next_change(NOW)
    assert change is not None
    assert change[1] == 100
    assert longest_days(change[0] - timedelta(seconds=1)) == 200
    assert longest_days(change[0]) == 100
    assert longest_days(NOW + 3650 * DAY) == 47
    assert next_change(NOW + 3650 * DAY) is None
