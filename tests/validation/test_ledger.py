"""validation/ledger.py: a proof belongs to one customer and exactly one name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import Entry
from identifiers.names import Name
from tests.conftest import NOW
from validation import ledger
from validation.models import Control

LATER = timedelta(days=1)


@pytest.fixture
def proven(alice, authorization_of):
    row = authorization_of(alice, "shop.example")
    return ledger.record_control(alice, "shop.example", False, "dns-01", row, NOW)


def test_whoever_showed_control_has_it(alice, proven):
    assert ledger.has_control(alice, "shop.example", False, NOW)
    assert ledger.has_control(alice, "SHOP.example.", False, NOW)


def test_nobody_else_has_it(bob, proven):
    assert not ledger.has_control(bob, "shop.example", False, NOW)


@pytest.mark.parametrize(
    ("name", "wildcard"),
    [
        ("shop.example", True),
        ("www.shop.example", False),
        ("example", False),
        ("xshop.example", False),
        ("hop.example", False),
    ],
)
def test_it_covers_no_other_name(alice, proven, name, wildcard):
    assert not ledger.has_control(alice, name, wildcard, NOW)


def test_a_wildcard_does_not_cover_the_single_name(alice, authorization_of):
    row = authorization_of(alice, "shop.example", wildcard=True)
    ledger.record_control(alice, "shop.example", True, "dns-01", row, NOW)
    assert ledger.has_control(alice, "shop.example", True, NOW)
    assert not ledger.has_control(alice, "shop.example", False, NOW)
    assert not ledger.has_control(alice, "www.shop.example", False, NOW)


def test_it_ends_by_the_dated_table(alice, proven):
    assert proven.expires_at == NOW.replace(year=2027, month=3, day=15, hour=12) - timedelta(hours=12)
    assert ledger.has_control(alice, "shop.example", False, proven.expires_at - timedelta(seconds=1))
    assert not ledger.has_control(alice, "shop.example", False, proven.expires_at)


def test_recording_twice_changes_nothing(alice, proven):
    again = ledger.record_control(alice, "shop.example", False, "dns-01", proven.authorization, NOW + LATER)
    assert (again.pk, again.expires_at) == (proven.pk, proven.expires_at)
    assert Entry.objects.filter(action="control:shown").count() == 1


def test_an_authorization_of_another_customer_proves_nothing(alice, bob, authorization_of):
    row = authorization_of(alice, "shop.example")
    with pytest.raises(ledger.NotTheirs):
        ledger.record_control(bob, "shop.example", False, "dns-01", row, NOW)
    assert Control.objects.count() == 0


@pytest.mark.parametrize(
    ("name", "wildcard"), [("other.example", False), ("shop.example", True), ("www.shop.example", False)]
)
def test_an_authorization_of_another_name_proves_nothing(alice, authorization_of, name, wildcard):
    row = authorization_of(alice, "shop.example")
    with pytest.raises(ledger.NotTheirs):
        ledger.record_control(alice, name, wildcard, "dns-01", row, NOW)


@pytest.mark.parametrize("name", ["", "*.shop.example", "münchen.example", "."])
def test_what_is_no_stored_name_is_refused(alice, proven, name):
    with pytest.raises(ValueError):
        ledger.has_control(alice, name, False, NOW)


def test_an_unknown_method_is_refused(alice, authorization_of):
    row = authorization_of(alice, "shop.example")
    with pytest.raises(ValueError):
        ledger.record_control(alice, "shop.example", False, "telepathy", row, NOW)


def test_missing_names_come_in_their_order(alice, bob, proven):
    names = [Name("b.example"), Name("shop.example"), Name("shop.example", True), Name("a.example")]
    assert ledger.missing(alice, names, NOW) == [names[0], names[2], names[3]]
    assert ledger.missing(bob, names, NOW) == names
    assert ledger.missing(alice, [], NOW) == []


def test_missing_asks_the_database_once(alice, proven, django_assert_num_queries):
    with django_assert_num_queries(1):
        ledger.missing(alice, [Name(f"n{n}.example") for n in range(100)], NOW)


def test_a_withdrawn_control_is_gone_and_cannot_be_recorded_again(alice, support, proven):
    ledger.withdraw(proven, "domain was sold", support, NOW)
    assert not ledger.has_control(alice, "shop.example", False, NOW)
    ledger.record_control(alice, "shop.example", False, "dns-01", proven.authorization, NOW + LATER)
    assert not ledger.has_control(alice, "shop.example", False, NOW + LATER)
    entry = Entry.objects.get(action="control:withdrawn")
    assert (entry.actor, entry.details["why"]) == ("sue@portal.example", "domain was sold")


def test_a_fresh_authorization_proves_it_again_after_a_withdrawal(alice, support, proven, authorization_of):
    ledger.withdraw(proven, "mistake", support, NOW)
    ledger.record_control(
        alice, "shop.example", False, "dns-01", authorization_of(alice, "shop.example"), NOW
    )
    assert ledger.has_control(alice, "shop.example", False, NOW)


def test_withdrawing_needs_a_reason_and_happens_once(support, proven):
    with pytest.raises(ValueError):
        ledger.withdraw(proven, "  ", support, NOW)
    ledger.withdraw(proven, "why", support, NOW)
    with pytest.raises(ledger.AlreadyWithdrawn):
        ledger.withdraw(Control.objects.get(), "again", support, NOW)


def test_two_customers_may_both_show_the_same_name(alice, bob, authorization_of, proven):
    ledger.record_control(bob, "shop.example", False, "http-01", authorization_of(bob, "shop.example"), NOW)
    ledger.withdraw(proven, "sold", "support", NOW)
    assert ledger.has_control(bob, "shop.example", False, NOW)
    assert not ledger.has_control(alice, "shop.example", False, NOW)
