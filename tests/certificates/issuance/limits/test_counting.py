"""What has been taken of a limit, by whom, and when the next slot is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from certificates.issuance import limits
from certificates.models import CaAccount, CaLimit, CaUse
from identifiers.names import Name
from portal import sweeping
from tests.certificates.issuance.limits.places import HOUR, limit, slot, use
from tests.conftest import NOW
from tests.factories import CaAccountFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(db) -> CaAccount:
    return CaAccountFactory()


def test_without_limits_every_order_goes_at_once(account):
    use(account, "orders", NOW)
    assert slot(account) is None


def test_the_next_slot_is_when_the_oldest_use_leaves_the_window(account):
    limit(account, "orders", 2)
    use(account, "orders", NOW - timedelta(minutes=50))
    assert slot(account) is None
    use(account, "orders", NOW - timedelta(minutes=20))
    assert slot(account) == NOW + timedelta(minutes=10)
    assert slot(account, now=NOW + timedelta(minutes=10)) is None


def test_who_waits_already_is_served_first(account):
    limit(account, "orders", 2)
    use(account, "orders", NOW - timedelta(minutes=50))
    use(account, "orders", NOW - timedelta(minutes=20))
    moments = [slot(account, ahead=ahead) for ahead in range(4)]
    assert moments == [NOW + timedelta(minutes=minutes) for minutes in (10, 40, 70, 100)]


def test_a_free_place_belongs_to_whoever_waited_longer(account):
    limit(account, "orders", 2)
    use(account, "orders", NOW - timedelta(minutes=50))
    assert slot(account, ahead=0) is None
    assert slot(account, ahead=1) == NOW + timedelta(minutes=10)
    assert slot(account, ahead=2) == NOW + HOUR


def test_of_two_windows_the_fuller_one_counts(account):
    limit(account, "orders", 1, 60)
    limit(account, "orders", 2, 7200)
    use(account, "orders", NOW - HOUR)
    use(account, "orders", NOW - timedelta(seconds=30))
    assert slot(account) == NOW + HOUR


def test_certificates_are_counted_per_registered_domain_and_per_set(account):
    limit(account, "domain", 1)
    use(account, "domain", NOW, "shop.example")
    assert slot(account, "www.shop.example", "other.example") == NOW + HOUR
    assert slot(account, "other.example") is None
    limit(account, "set", 1, 7200)
    (same,) = limits.subjects("set", [Name.of("b.example"), Name.of("a.example")])
    use(account, "set", NOW, same)
    assert slot(account, "a.example", "b.example") == NOW + 2 * HOUR
    assert slot(account, "a.example", "b.example", "c.example") is None


def test_a_private_suffix_is_counted_as_the_ca_counts_it(account):
    assert limits.subjects("domain", [Name.of("one.github.io"), Name.of("two.github.io")]) == [
        "one.github.io",
        "two.github.io",
    ]
    assert limits.subjects("domain", [Name.of("a.b.co.uk"), Name.of("*.b.co.uk")]) == ["b.co.uk"]


def test_a_set_of_a_hundred_long_names_fits_into_the_row(account):
    names = [Name.of(f"{'long' * 15}{n}.{'label' * 12}.example") for n in range(100)]
    assert all(len(subject) <= 253 for kind in ("domain", "set") for subject in limits.subjects(kind, names))


def test_failures_count_per_name_and_account(account):
    other = CaAccountFactory(directory_url=account.directory_url)
    limit(account, "failures", 1)
    use(other, "failures", NOW, "shop.example")
    assert slot(account, "*.shop.example") is None
    use(account, "failures", NOW, "shop.example")
    assert slot(account, "*.shop.example") == NOW + HOUR
    assert slot(account, "www.shop.example") is None


def test_certificates_count_over_all_accounts_at_one_ca(account):
    other = CaAccountFactory(directory_url=account.directory_url)
    elsewhere = CaAccountFactory(directory_url="https://elsewhere.example/dir")
    limit(account, "domain", 1)
    use(elsewhere, "domain", NOW, "shop.example")
    assert slot(account) is None
    use(other, "domain", NOW, "shop.example")
    assert slot(account) == NOW + HOUR


def test_an_account_of_one_customer_has_its_patterns_limits_and_its_own_orders(account):
    limit(account, "orders", 1)
    limit(account, "domain", 1)
    one, two = (
        CaAccountFactory(parent=account, customer=UserFactory(), directory_url=account.directory_url)
        for _ in range(2)
    )
    use(one, "orders", NOW)
    assert slot(one) == NOW + HOUR
    assert slot(two) is None
    use(account, "domain", NOW, "shop.example")
    assert slot(two) == NOW + HOUR


def test_an_order_that_replaces_is_exempt_where_the_ca_says_so(account):
    exempt = limit(account, "orders", 1, renewals_exempt=True)
    use(account, "orders", NOW)
    assert slot(account, replaces="aki.serial") is None
    assert slot(account) == NOW + HOUR
    CaLimit.objects.filter(pk=exempt.pk).update(renewals_exempt=False)
    assert slot(account, replaces="aki.serial") == NOW + HOUR


def test_a_clock_that_was_set_back_makes_nobody_wait_longer_than_the_window(account):
    limit(account, "orders", 1)
    use(account, "orders", NOW + timedelta(days=3))
    assert slot(account) == NOW + HOUR


def test_lets_encrypts_limits_are_entered_once(account):
    limit(account, "orders", 10, 60)
    assert limits.set_lets_encrypts(account) == 3
    assert limits.set_lets_encrypts(account) == 0
    week = 7 * 24 * 3600
    rows = set(account.limits.values_list("kind", "amount", "seconds", "renewals_exempt"))
    assert rows == {
        ("orders", 10, 60, False),
        ("domain", 50, week, True),
        ("set", 5, week, True),
        ("failures", 5, 3600, True),
    }


def test_old_uses_are_forgotten_and_those_a_window_reaches_are_kept(account):
    assert limits.forget in sweeping.TIDYING
    limit(account, "orders", 1, 30 * 24 * 3600)
    old, young = (
        use(account, "orders", NOW - timedelta(days=31)),
        use(account, "orders", NOW - timedelta(days=29)),
    )
    assert limits.forget(NOW) == 1
    assert list(CaUse.objects.all()) == [young]
    assert old.at < young.at
    CaLimit.objects.all().delete()
    assert limits.forget(NOW) == 1
