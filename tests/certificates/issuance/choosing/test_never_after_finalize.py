"""From finalize on there is one CA that may sign; before it, one that looks and looks is left."""

from __future__ import annotations

from datetime import timedelta

import pytest

from certificates.models import Certificate
from tests.certificates.connectors.rough_ca import Reply
from tests.certificates.issuance.choosing.two_cas import MINUTE, accounts_of, down, finalized, wish
from tests.certificates.issuance.desk import newest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("verb", ["finalize", "order", "cert"])
def test_after_finalize_it_only_waits(desk, alice, second, second_ca, verb):
    """The CA may have signed: another one must not sign too, however long the first is away."""
    desk.ca.processing_polls = 1
    if verb == "finalize":
        desk.ca.spoil_always("finalize", Reply(dies="before"))
    wanted = wish(desk, alice, second)
    desk.run(MINUTE, until=lambda: finalized(wanted) == 1)
    down(desk.ca)
    desk.run(timedelta(days=2))
    assert accounts_of(wanted) == [desk.account.name]
    assert second_ca.counted == 0
    desk.ca.heal()
    desk.run_until_issued(wanted, timedelta(hours=3))
    assert finalized(wanted) == 1
    assert desk.ca.certificates == 1


def test_a_ca_that_processes_for_hours_after_finalize_is_waited_for(desk, alice, second, second_ca):
    desk.ca.processing_polls = 10_000
    wanted = wish(desk, alice, second)
    desk.run(timedelta(hours=5))
    assert accounts_of(wanted) == [desk.account.name]
    assert second_ca.counted == 0
    assert newest(wanted).status == "processing"


def test_a_ca_that_looks_for_half_an_hour_is_left(desk, alice, second):
    desk.ca.validates = "never"
    wanted = wish(desk, alice, second)
    desk.run(25 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name]
    desk.run(20 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name, "Second CA"]
    desk.run(timedelta(hours=1), until=lambda: Certificate.objects.filter(issuance=wanted).exists())
    assert Certificate.objects.get(issuance=wanted).account == second


def test_people_at_a_ca_may_take_their_time(desk, alice, second):
    desk.ca.validates = "never"
    wanted = wish(desk, alice, second, level="ov")
    desk.run(timedelta(hours=5))
    assert accounts_of(wanted) == [desk.account.name]
