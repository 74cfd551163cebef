"""A limit whose slot is far moves an order on; what CAA forbids is passed over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import Entry
from certificates.models import CaAccount, CaLimit, Issuance
from tests.certificates.connectors.rough_ca import problem
from tests.certificates.issuance.choosing.two_cas import MINUTE, accounts_of, fill, wish
from tests.certificates.issuance.desk import newest
from tests.factories import CaAccountFactory

pytestmark = pytest.mark.django_db


def test_a_slot_that_is_near_is_waited_for_and_a_far_one_is_not(desk, alice, bob, second):
    fill(desk, desk.account, 600)
    near = wish(desk, alice, second)
    desk.run_until_issued(near, timedelta(minutes=20))
    assert accounts_of(near) == [desk.account.name]
    CaLimit.objects.update(seconds=24 * 3600)
    far = wish(desk, bob, second, "bob.example")
    desk.run_until_issued(far, 2 * MINUTE)
    assert accounts_of(far) == [desk.account.name, "Second CA"]
    assert Entry.objects.get(action="acme_order:switched").details["why"] == "limit"


def test_the_cas_own_word_about_its_limit_counts_too(desk, alice, second):
    desk.ca.spoil_always("newOrder", problem("rateLimited", 429, headers={"Retry-After": "7200"}))
    wanted = wish(desk, alice, second)
    desk.run_until_issued(wanted, 5 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name, "Second CA"]
    assert desk.ca.asked_for["newOrder"] == 1


def test_another_ca_that_is_full_itself_is_no_help(desk, alice, second):
    fill(desk, desk.account, 24 * 3600)
    fill(desk, second, 12 * 3600)
    wanted = wish(desk, alice, second)
    desk.run(timedelta(hours=1))
    assert accounts_of(wanted) == [desk.account.name]
    assert newest(wanted).problem["type"] == "chancery:limit"


@pytest.mark.parametrize(("issuer", "moves"), [("second.example", True), ("first.example", False)])
def test_a_ca_that_caa_forbids_is_passed_over(desk, alice, second, dns, issuer, moves):
    dns.add("shop.test", "CAA", f'0 issue "{issuer}"')
    CaAccount.objects.filter(pk=second.pk).update(caa_identities=["second.example"])
    fill(desk, desk.account, 24 * 3600)
    wanted = wish(desk, alice, second, "shop.test")
    desk.run(2 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name] + ["Second CA"] * moves


@pytest.mark.parametrize(
    ("parameters", "moves"),
    [
        ("accounturi=https://second.example/acct/7", True),
        ("accounturi=https://second.example/acct/8", False),
        ("validationmethods=http-01", True),
        ("validationmethods=dns-01", False),
        ("validationmethods=http-01,dns-01; accounturi=https://second.example/acct/7", True),
    ],
)
def test_a_ca_that_caa_forbids_by_account_or_method_is_passed_over(
    desk, alice, second, dns, parameters, moves
):
    """RFC 8657: the record may let the CA issue to another account only, or by another method than was chosen."""
    dns.add("shop.test", "CAA", f'0 issue "second.example; {parameters}"')
    CaAccount.objects.filter(pk=second.pk).update(
        caa_identities=["second.example"], account_url="https://second.example/acct/7"
    )
    fill(desk, desk.account, 24 * 3600)
    wanted = wish(desk, alice, second, "shop.test")
    entry = wanted.names[0] | {"method": "http-01"}
    Issuance.objects.filter(pk=wanted.pk).update(names=[entry])
    desk.shows = False
    desk.run(timedelta(seconds=2))
    assert accounts_of(wanted) == [desk.account.name] + ["Second CA"] * moves


def test_of_a_ca_with_an_account_for_each_customer_the_customers_own_is_judged(desk, alice, second, dns):
    dns.add("shop.test", "CAA", '0 issue "second.example; accounturi=https://second.example/acct/alice"')
    CaAccount.objects.filter(pk=second.pk).update(
        caa_identities=["second.example"], per_customer=True, account_url="https://second.example/acct/house"
    )
    CaAccountFactory(
        name="Alice's", parent=second, customer=alice, account_url="https://second.example/acct/alice"
    )
    fill(desk, desk.account, 24 * 3600)
    wanted = wish(desk, alice, second, "shop.test")
    desk.run(timedelta(seconds=1), until=lambda: wanted.acme_orders.count() == 2)
    assert wanted.acme_orders.count() == 2
