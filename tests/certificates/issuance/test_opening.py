"""How each name of a new order is shown: as chosen, or by what its customer has set up once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from certificates.issuance import wishes
from identifiers.names import Name
from tests.conftest import NOW
from validation import delegation
from validation.models import Authorization, Delegation

pytestmark = pytest.mark.django_db

SHOP, WILDCARD = "shop.example", "*.shop.example"


@pytest.fixture(autouse=True)
def by_hand(desk):
    """Nobody publishes anything."""
    desk.shows = False


def stands(owner, kind, name=SHOP, **columns):
    return Delegation.objects.create(
        owner=owner, identifier=name, kind=kind, zone="dcv.portal.example",
        **{"created_at": NOW, "seen_at": NOW} | columns,
    )  # fmt: skip


def shown_by(desk, owner, *names, method):
    """Open an order and return {name: challenge}."""
    desk.wish(owner, *names, method=method)
    desk.run(timedelta(minutes=1))
    rows = Authorization.objects.filter(owner=owner, status="pending")
    return {row.text: row.method for row in rows}


@pytest.mark.parametrize(
    ("kinds", "chosen", "shown"),
    [
        ([], "http-01", "http-01"),
        (["cname"], "http-01", "dns-01"),
        (["redirect"], "dns-01", "http-01"),
        (["redirect"], "http-01", "http-01"),
        (["cname", "redirect"], "http-01", "http-01"),
        (["cname", "redirect"], "dns-01", "dns-01"),
    ],
)
def test_what_stands_goes_before_what_was_chosen_and_the_choice_decides_between_two(
    desk, alice, kinds, chosen, shown
):
    for kind in kinds:
        stands(alice, kind)
    assert shown_by(desk, alice, SHOP, method=chosen) == {SHOP: shown}


def test_a_redirect_never_speaks_for_a_wildcard_and_an_alias_does(desk, alice):
    stands(alice, "redirect")
    assert shown_by(desk, alice, SHOP, WILDCARD, method="dns-01") == {SHOP: "http-01", WILDCARD: "dns-01"}
    assert not delegation.answers(alice, [Name(SHOP), Name(SHOP, wildcard=True)])
    stands(alice, "cname")
    assert delegation.answers(alice, [Name(SHOP), Name(SHOP, wildcard=True)])


@pytest.mark.parametrize("columns", [{"seen_at": None}, {"broken_at": NOW}])
def test_what_is_not_there_is_not_counted_on(desk, alice, columns):
    stands(alice, "cname", **columns)
    assert shown_by(desk, alice, SHOP, method="http-01") == {SHOP: "http-01"}


def test_another_customers_arrangement_shows_nothing(desk, alice, bob):
    stands(bob, "cname")
    assert shown_by(desk, alice, SHOP, method="http-01") == {SHOP: "http-01"}


def test_after_the_ca_has_refused_what_stands_the_customer_is_asked_as_they_chose(desk, alice):
    stands(alice, "cname")
    assert shown_by(desk, alice, SHOP, method="http-01") == {SHOP: "dns-01"}
    Authorization.objects.update(status="invalid", problem={"type": "urn:ietf:params:acme:error:dns"})
    assert shown_by(desk, alice, SHOP, method="http-01") == {SHOP: "http-01"}


def test_a_method_picked_in_step_4_is_kept_for_that_order(desk, alice):
    stands(alice, "cname")
    wanted = desk.wish(alice, SHOP, method="dns-01")
    desk.run(timedelta(minutes=1))
    wishes.change_method(wanted, SHOP, "http-01", by=alice, now=desk.now)
    desk.run(timedelta(hours=2))
    assert Authorization.objects.get(owner=alice, status="pending").method == "http-01"
