"""Reminders come in time, once each, and stop when the next certificate is there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Letter
from audit.models import Entry
from certificates import reminding
from certificates.models import Certificate
from certificates.standing import reissue_due_at
from tests.conftest import NOW
from tests.factories import certificate_for, plan_for

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def certificate(alice) -> Certificate:
    """Ninety days, of which all are left; the plan runs for a year."""
    plan = plan_for(alice)
    plan.state = "active"
    plan.save()
    row = certificate_for(plan)
    Certificate.objects.filter(pk=row.pk).update(not_before=NOW, not_after=NOW + 90 * DAY, issued_at=NOW)
    row.refresh_from_db()
    return row


def letters() -> list[str]:
    return list(
        Letter.objects.filter(kind="certificate_ending").order_by("pk").values_list("occasion", flat=True)
    )


def test_nobody_is_written_to_while_there_is_time(certificate):
    assert reminding.remind(NOW + 59 * DAY) == 0
    assert letters() == []


def test_the_first_letter_comes_when_a_third_of_the_lifetime_is_left(certificate):
    assert reminding.remind(NOW + 60 * DAY) == 1
    letter = Letter.objects.get()
    assert "shop.example" in letter.subject
    assert "30 days" in letter.subject
    assert "costs nothing more" in letter.body


def test_each_stage_is_written_once_however_often_one_looks(certificate):
    for day in range(55, 90):
        for _again in range(3):
            reminding.remind(NOW + day * DAY)
    assert [occasion.rpartition(":")[2] for occasion in letters()] == ["due", "14", "7", "3", "1"]


def test_missed_days_lead_to_one_letter_not_to_all_of_them(certificate):
    assert reminding.remind(NOW + 88 * DAY) == 1
    assert letters()[0].endswith(":3")


def test_letters_stop_when_the_next_certificate_was_issued(certificate):
    Certificate.objects.filter(pk=certificate.pk).update(state="superseded")
    assert reminding.remind(NOW + 80 * DAY) == 0


def test_a_plan_that_ends_with_its_certificate_is_told_to_order_anew(certificate):
    certificate.plan.ends_at = NOW + 90 * DAY
    certificate.plan.save()
    reminding.remind(NOW + 80 * DAY)
    assert "order a new one" in Letter.objects.get().body


def test_a_suspended_plan_gets_no_letters(certificate):
    certificate.plan.state = "suspended"
    certificate.plan.save()
    assert reminding.remind(NOW + 80 * DAY) == 0


def test_a_certificate_whose_time_is_over_is_expired(certificate):
    assert reminding.expire(NOW + 89 * DAY) == 0
    assert reminding.expire(NOW + 90 * DAY) == 1
    certificate.refresh_from_db()
    assert certificate.state == "expired"


def test_a_plan_ends_with_its_paid_term_and_memory_knows(certificate):
    assert reminding.end_plans(NOW + 300 * DAY) == 0
    assert reminding.end_plans(NOW + 366 * DAY) == 1
    certificate.plan.refresh_from_db()
    assert certificate.plan.state == "ended"
    assert Entry.objects.filter(action="plan:ended", plan_id=certificate.plan_id).count() == 1


def test_the_database_and_the_pages_mean_the_same_third(certificate):
    due = reissue_due_at(certificate)
    moment = timedelta(microseconds=1)
    for at, found in ((due - moment, 0), (due, 1), (due + moment, 1), (NOW + 89 * DAY, 1)):
        assert Certificate.objects.with_a_third_left(at).count() == found


def test_those_who_were_told_cost_no_question_each(alice):
    for number in range(12):
        plan = plan_for(alice, f"shop{number}.example")
        plan.state = "active"
        plan.save()
        row = certificate_for(plan)
        Certificate.objects.filter(pk=row.pk).update(not_before=NOW, not_after=NOW + 90 * DAY, issued_at=NOW)
    assert reminding.remind(NOW + 61 * DAY) == 12
    with CaptureQueriesContext(connection) as asked:
        assert reminding.remind(NOW + 62 * DAY) == 0
    assert len(asked) <= 3
