"""A disabled account is left at once; orders of a mass reissue and withdrawn ones stay."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import Entry
from certificates.models import AcmeOrder, CaAccount, Issuance
from tests.certificates.issuance.choosing.two_cas import MINUTE, accounts_of, fill, wish
from tests.certificates.issuance.desk import newest

pytestmark = pytest.mark.django_db


def test_a_disabled_account_is_left_at_once_and_that_is_remembered(desk, alice, second):
    wanted = wish(desk, alice, second)
    CaAccount.objects.filter(pk=desk.account.pk).update(enabled=False)
    desk.run_until_issued(wanted, 5 * MINUTE)
    assert accounts_of(wanted) == ["Second CA"]
    assert Entry.objects.get(action="acme_order:switched").details["why"] == "disabled"


@pytest.mark.parametrize("resting", [False, True], ids=["well", "in trouble itself"])
def test_a_disabled_account_is_not_left_for_one_that_caa_forbids(
    desk, alice, second, second_ca, dns, resting
):
    dns.add("shop.test", "CAA", '0 issue "first.example"')
    CaAccount.objects.filter(pk=second.pk).update(
        caa_identities=["second.example"],
        failures=6 * resting,
        resting_until=desk.now + 5 * MINUTE if resting else None,
    )
    wanted = wish(desk, alice, second, "shop.test")
    CaAccount.objects.filter(pk=desk.account.pk).update(enabled=False)
    desk.run(MINUTE)
    order = newest(wanted)
    assert accounts_of(wanted) == [desk.account.name]
    assert order.waiting_for == "operator"
    assert "CAA" in order.problem["detail"]
    assert second_ca.counted == 0


def test_an_order_of_a_mass_reissue_waits_for_its_disabled_account(desk, alice, second, second_ca):
    from certificates.models import Campaign

    wanted = wish(desk, alice, second)
    campaign = Campaign.objects.create(
        from_account=second, to_account=desk.account, reason="distrust", created_at=desk.now
    )
    Issuance.objects.filter(pk=wanted.pk).update(campaign=campaign)
    CaAccount.objects.filter(pk=desk.account.pk).update(enabled=False)
    desk.run(timedelta(hours=2))
    assert accounts_of(wanted) == [desk.account.name]
    assert newest(wanted).waiting_for == "operator"
    assert second_ca.counted == 0
    CaAccount.objects.filter(pk=desk.account.pk).update(enabled=True)
    desk.run_until_issued(wanted, timedelta(hours=2))
    assert accounts_of(wanted) == [desk.account.name]


def test_an_order_of_a_campaign_stays_where_the_operator_wants_it(desk, alice, second):
    from certificates.models import Campaign

    fill(desk, desk.account, 24 * 3600)
    wanted = wish(desk, alice, second)
    campaign = Campaign.objects.create(
        from_account=second, to_account=desk.account, reason="distrust", created_at=desk.now
    )
    Issuance.objects.filter(pk=wanted.pk).update(campaign=campaign)
    desk.run(timedelta(hours=1))
    assert accounts_of(wanted) == [desk.account.name]


def test_a_request_withdrawn_at_the_last_moment_does_not_move(desk, alice, second):
    from certificates.issuance import choosing
    from certificates.issuance.walk import Walk

    wanted = wish(desk, alice, second)
    claimed = AcmeOrder.objects.select_related("account", "issuance__plan__owner").get(
        pk=AcmeOrder.objects.claim(newest(wanted).pk, desk.now).pk
    )
    walk = Walk(order=claimed, clock=lambda: desk.now, lease_at=desk.now)
    Issuance.objects.filter(pk=wanted.pk).update(state="withdrawn")
    assert choosing.move(walk, "outage", timedelta(hours=2)) is None
    assert wanted.acme_orders.count() == 1
