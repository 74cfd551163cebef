"""Staff and revocations: operators revoke with a reason, support reads, and what the CA refused stands on the list."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from audit.models import Entry
from certificates.models import Certificate, Revocation
from tests.conftest import NOW
from tests.factories import certificate_for, plan_for

pytestmark = pytest.mark.django_db

GOOD = {"code": "5", "reason": "Court order 17/26"}


@pytest.fixture(autouse=True)
def _time_of_the_tests():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def certificate(alice):
    return certificate_for(plan_for(alice))


def url_of(certificate) -> str:
    return reverse("admin:certificates_certificate_revoke", args=[certificate.pk])


def page_of(certificate) -> str:
    return reverse("admin:certificates_certificate_change", args=[certificate.pk])


def asked(certificate, **columns) -> Revocation:
    wanted = {"reason": 4, "asked_by": certificate.owner, "asked_at": NOW, "due_at": NOW} | columns
    return Revocation.objects.create(certificate=certificate, **wanted)


def board(client, person, now=NOW) -> str:
    """The staff's list of what is stuck, as this person reads it then."""
    with time_machine.travel(now, tick=False):
        client.force_login(person)
        return client.get(reverse("staff_home")).content.decode()


def test_an_operator_revokes_with_a_reason_for_the_audit(oscar, operator, certificate):
    assert url_of(certificate) in oscar.get(page_of(certificate)).content.decode()
    text = oscar.get(url_of(certificate)).content.decode()
    assert "cannot be undone" in text
    assert "alice@example.org" in text
    response = oscar.post(url_of(certificate), GOOD, follow=True)
    assert "The CA is asked" in response.content.decode()
    row = Revocation.objects.get()
    assert (row.certificate_id, row.reason, row.asked_by, row.due_at) == (certificate.pk, 5, operator, NOW)
    entry = Entry.objects.get(action="certificate:revocation_asked")
    assert (entry.actor, entry.details["note"]) == (operator.email, "Court order 17/26")
    assert url_of(certificate) not in response.content.decode(), "under way: there is nothing to ask again"


@pytest.mark.parametrize("wrong", [{"reason": ""}, {"reason": "no"}, {"code": "7"}, {"code": ""}])
def test_without_a_reason_nothing_happens(oscar, certificate, wrong):
    assert oscar.post(url_of(certificate), GOOD | wrong).status_code == 422
    assert not Revocation.objects.exists()


def test_what_is_revoked_or_expired_is_told_as_such(oscar, certificate):
    Certificate.objects.update(state="revoked", revoked_at=NOW)
    assert url_of(certificate) not in oscar.get(page_of(certificate)).content.decode()
    assert "has been revoked before" in oscar.post(url_of(certificate), GOOD, follow=True).content.decode()
    Certificate.objects.update(state="expired", not_after=NOW - timedelta(days=1))
    assert "has expired" in oscar.post(url_of(certificate), GOOD, follow=True).content.decode()
    assert not Revocation.objects.exists()


def test_support_reads_and_cannot_revoke(client, support, certificate):
    client.force_login(support)
    assert url_of(certificate) not in client.get(page_of(certificate)).content.decode()
    assert client.get(url_of(certificate)).status_code == 403
    assert client.post(url_of(certificate), GOOD).status_code == 403
    row = asked(
        certificate, refused_at=NOW, due_at=None, problem={"type": "urn:x", "detail": "<b>Never.</b>"}
    )
    for url in (
        reverse("staff_plan", args=[certificate.plan_id]),
        reverse("admin:certificates_revocation_changelist"),
        reverse("admin:certificates_revocation_change", args=[row.pk]),
    ):
        text = client.get(url).content.decode()
        assert "&lt;b&gt;Never.&lt;/b&gt;" in text, url
        assert "efused" in text, url


@pytest.mark.parametrize(("state", "found"), [("under_way", 1), ("refused", 1), ("done", 1), ("", 3)])
def test_the_list_can_be_asked_for_each_state(oscar, alice, state, found):
    first, second, third = (certificate_for(plan_for(alice, f"{n}.shop.example")) for n in "abc")
    asked(first)
    asked(second, refused_at=NOW, due_at=None)
    asked(third, done_at=NOW, due_at=None)
    response = oscar.get(
        reverse("admin:certificates_revocation_changelist"), {"state": state} if state else {}
    )
    assert response.context["cl"].result_count == found


# --- the list of what is stuck ------------------------------------------------------------------------------------


def test_a_refusal_stands_on_the_list_until_it_is_done_or_over(client, support, certificate):
    asked(certificate, refused_at=NOW, due_at=None, problem={"type": "urn:x", "detail": "Never ever."})
    text = board(client, support)
    assert "Never ever." in text
    assert reverse("staff_plan", args=[certificate.plan_id]) in text
    assert "Never ever." not in board(client, support, certificate.not_after)
    Revocation.objects.update(done_at=NOW)
    assert "Never ever." not in board(client, support)


def test_one_that_does_not_come_on_stands_there_too_but_not_at_once(client, support, certificate):
    later = NOW + timedelta(hours=1)
    asked(certificate, tries=1, due_at=later, problem={"type": "urn:x", "detail": "Busy today."})
    assert "Busy today." not in board(client, support)
    assert "Busy today." in board(client, support, NOW + timedelta(minutes=11))
