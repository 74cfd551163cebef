"""A proof is withdrawn while an order rests on it: no certificate, until the name is shown again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from certificates import issuance
from certificates.models import AcmeOrder
from leases import LeaseLost
from tests.certificates.connectors.rough_ca import problem
from tests.certificates.issuance.desk import newest
from validation.models import Control

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def proven(desk, alice):
    """alice's order, ready at the CA and proven, held up by the CA's own trouble; she shows nothing more."""
    desk.ca.reuses_valid = True
    desk.ca.spoil("finalize", problem("serverInternal", 500))
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: Control.objects.exists() and not desk.ca.faults["finalize"])
    desk.shows = False
    return wanted


def shown_again(desk, wanted) -> None:
    desk.run(timedelta(hours=1))
    assert desk.ca.certificates == 0
    assert (newest(wanted).attempt, newest(wanted).waiting_for) == (2, "customer")
    desk.shows = True
    desk.run_until_issued(wanted)


def test_the_order_begins_again_at_once(desk, proven, support):
    assert (
        issuance.withdraw_control(Control.objects.get(), "the domain was sold", by=support, now=desk.now) == 1
    )
    shown_again(desk, proven)


def test_a_worker_who_holds_the_order_cannot_finish_it(desk, proven, support):
    AcmeOrder.objects.filter(issuance=proven).update(due_at=desk.now, lease_until=None)
    claimed = AcmeOrder.objects.claim(newest(proven).pk, desk.now)
    issuance.withdraw_control(Control.objects.get(), "the domain was sold", by=support, now=desk.now)
    before = desk.ca.asked_for["finalize"]
    with pytest.raises(LeaseLost):
        issuance.advance(claimed)
    assert desk.ca.asked_for["finalize"] == before
    shown_again(desk, proven)


def test_older_proofs_of_the_name_go_too_and_other_names_stay(desk, alice, support):
    for _time in range(2):
        desk.run_until_issued(desk.wish(alice, "shop.example", "*.shop.example"))
    newest_proof = Control.objects.filter(wildcard=False).first()
    issuance.withdraw_control(newest_proof, "the domain was sold", by=support, now=desk.now)
    standing = Control.objects.of(alice).current(desk.now)
    assert set(standing.values_list("wildcard", flat=True)) == {True}
    assert standing.count() == 2
