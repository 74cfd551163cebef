"""What was set up once is looked at again before a renewal relies on it, in time for a mail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Letter
from certificates.models import Issuance, RenewalInfo
from certificates.renewal import moment
from tests.factories import certificate_for, plan_for
from tests.validation.fake_dns import FakeDns
from validation import delegation
from validation.models import Delegation

pytestmark = pytest.mark.django_db

QUEUES = ("acme_orders", "renewals", "delegations")
NAME = "_acme-challenge.shop.example"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def dns(settings) -> Iterator[FakeDns]:
    server = FakeDns()
    settings.VALIDATION_NAMESERVERS = [server.text]
    settings.DELEGATION_ZONE = "dcv.portal.example"
    settings.DELEGATION_SERVER = "127.0.0.1:1"
    yield server
    server.close()


@pytest.fixture
def first(desk, account, alice):
    """A certificate of 47 days at a CA that says nothing about renewals."""
    desk.ca.days = 47
    del desk.ca.directory["renewalInfo"]
    return desk.first(alice, "shop.example")


@pytest.fixture
def row(desk, alice, dns, first) -> Delegation:
    """An alias that stands, whose next weekly look would come after the next order."""
    row = delegation.offer(alice, "shop.example", "cname", desk.now)
    dns.add(NAME, "CNAME", f"{row.target}.")
    late = RenewalInfo.objects.get(certificate=first).reissue_at + 2 * DAY
    seen = late - delegation.WEEKLY
    Delegation.objects.filter(pk=row.pk).update(seen_at=seen, due_at=late)
    return row


def reissue_at(first):
    return RenewalInfo.objects.get(certificate=first).reissue_at


def test_one_that_was_removed_is_told_of_before_the_next_certificate_is_ordered(desk, dns, first, row):
    dns.remove(NAME, "CNAME")
    desk.shows = False
    moment_of_order = reissue_at(first)
    desk.live(moment_of_order + HOUR, queues=QUEUES)
    letter = Letter.objects.get(kind="delegation_broken")
    order = Issuance.objects.get(replaces=first)
    assert delegation.line(row) in letter.body
    assert order.created_at >= moment_of_order
    assert order.created_at - letter.created_at > 2 * DAY


def test_one_that_stands_is_looked_at_once_and_left_alone(desk, dns, first, row):
    desk.live(reissue_at(first) - HOUR, queues=QUEUES)
    row.refresh_from_db()
    asked = dns.asked.count(("udp", NAME, "TXT"))
    assert asked >= 1
    assert timedelta(0) <= row.seen_at - moment.retest_at(first, reissue_at(first)) < HOUR
    assert row.due_at == row.seen_at + delegation.WEEKLY
    for _again in range(3):
        desk.look(first)
    desk.live(reissue_at(first) - HOUR / 2, queues=QUEUES)
    assert dns.asked.count(("udp", NAME, "TXT")) == asked


def test_nobody_elses_and_no_other_names_are_looked_at(desk, dns, first, row, bob):
    others = [(bob, "shop.example"), (row.owner, "other.example")]
    for owner, name in others:
        other = delegation.offer(owner, name, "cname", desk.now)
        Delegation.objects.filter(pk=other.pk).update(seen_at=row.created_at, due_at=desk.now + 99 * DAY)
    desk.live(reissue_at(first) - HOUR, queues=QUEUES)
    assert {other.seen_at for other in Delegation.objects.exclude(pk=row.pk)} == {row.created_at}


def test_the_look_at_the_row_costs_one_statement_more(desk, first, row):
    def cost(at):
        desk.clock.move_to(at)
        with CaptureQueriesContext(connection) as queries:
            desk.look(first)
        return len(queries)

    before = cost(moment.retest_at(first, reissue_at(first)) - HOUR)
    assert cost(reissue_at(first) - HOUR) == before + 1


@pytest.mark.parametrize(("days", "lead"), [(200, 3 * DAY), (47, 3 * DAY), (6, 14.5 * HOUR)])
def test_a_short_life_leaves_a_tenth_of_it(alice, days, lead):
    certificate = certificate_for(plan_for(alice), days=days)
    assert certificate.not_after - moment.retest_at(certificate, certificate.not_after) == lead
