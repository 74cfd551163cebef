"""A limit that the CA tells of: one order learns it for its account, and no customer's domain stops the others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from certificates.issuance import holding
from certificates.models import AcmeOrder, CaAccount, CaLimit, Certificate
from tests.certificates.connectors.rough_ca import problem
from tests.certificates.issuance.desk import newest
from tests.factories import CaAccountFactory, UserFactory

pytestmark = pytest.mark.django_db

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def limited(detail: str = "Too many new orders recently.", seconds: int = 7200, **more):
    return problem("rateLimited", 429, detail=detail, headers={"Retry-After": str(seconds)}, **more)


def sent(desk) -> int:
    return desk.ca.asked_for["newOrder"]


def wish(desk, name: str):
    return desk.wish(UserFactory(), name)


def row(desk) -> CaAccount:
    return CaAccount.objects.get(pk=desk.account.pk)


def issued(*wishes) -> bool:
    return Certificate.objects.filter(issuance__in=wishes).count() == len(wishes)


def test_after_one_refusal_the_accounts_other_orders_wait_a_minute_and_read_when(desk):
    desk.ca.spoil("newOrder", limited())
    first = wish(desk, "one.example")
    desk.run(2 * SECOND)
    others = [wish(desk, f"other{n}.example") for n in range(4)]
    desk.run(30 * SECOND)
    assert sent(desk) == 1
    for wanted in others:
        order = newest(wanted)
        assert (order.waiting_for, order.problem["type"]) == ("ca", "chancery:limit")
        assert order.due_at == holding.held_until(row(desk), desk.now)
        assert "Next slot" in desk.standing(wanted).sentence
    desk.run(2 * MINUTE, until=lambda: issued(*others))
    assert issued(*others), "it was the limit of the first order's domain"
    assert newest(first).due_at > desk.now + HOUR, "which waits as it was told"
    assert row(desk).orders_held is None
    desk.check()


def test_when_another_order_of_other_names_is_refused_too_nobody_asks_until_the_ca_says(desk):
    desk.ca.spoil_always("newOrder", limited(seconds=2400))
    for n in range(8):
        wish(desk, f"n{n}.example")
    desk.run(35 * MINUTE)
    assert sent(desk) == 2, "one of them found out, another made sure"
    desk.ca.heal()
    desk.run(10 * MINUTE, until=lambda: Certificate.objects.count() == 8)
    assert Certificate.objects.count() == 8
    assert row(desk).orders_held is None
    assert sent(desk) == 10


def test_a_limit_of_a_week_is_asked_about_by_the_hour(desk):
    desk.ca.spoil_always("newOrder", limited(seconds=7 * 86400))
    for n in range(12):
        wish(desk, f"n{n}.example")
    desk.run(5 * HOUR)
    assert 5 <= sent(desk) <= 7


@pytest.mark.parametrize(
    "detail",
    [
        'too many certificates (50) already issued for "one.example" in the last 168h0m0s',
        "too many certificates (5) already issued for this exact set of identifiers: [www.one.example]",
        "Too many failed authorizations for www.one.example.",
        "Limit of ONE.EXAMPLE reached",
    ],
)
def test_a_limit_of_the_orders_own_names_holds_nobody_else(desk, detail):
    desk.ca.spoil("newOrder", limited(detail))
    first = wish(desk, "www.one.example")
    desk.run(2 * SECOND)
    assert row(desk).orders_held is None
    other = wish(desk, "other.example")
    desk.run(20 * SECOND, until=lambda: issued(other))
    assert issued(other)
    assert not issued(first)


def test_a_second_refusal_of_the_same_domain_says_nothing_about_others(desk):
    desk.ca.spoil("newOrder", limited(), limited())
    wish(desk, "www.one.example")
    desk.run(2 * SECOND)
    wish(desk, "mail.one.example")
    desk.run(65 * SECOND)
    assert sent(desk) == 2
    assert holding.held_until(row(desk), desk.now) < desk.now + holding.SHARED
    other = wish(desk, "other.example")
    desk.run(70 * SECOND, until=lambda: issued(other))
    assert issued(other)


def test_two_domains_at_limits_of_their_own_do_not_stop_the_account_where_others_are_taken_between(desk):
    desk.ca.spoil("newOrder", limited())
    wish(desk, "one.example")
    desk.run(70 * SECOND)
    between = wish(desk, "between.example")
    desk.run(70 * SECOND, until=lambda: issued(between))
    desk.ca.spoil("newOrder", limited())
    wish(desk, "two.example")
    desk.run(2 * SECOND)
    assert holding.held_until(row(desk), desk.now) < desk.now + holding.SHARED


def test_other_accounts_at_the_ca_have_limits_of_their_own(desk):
    desk.ca.spoil("newOrder", limited())
    wish(desk, "one.example")
    desk.run(2 * SECOND)
    desk.account = CaAccountFactory(directory_url=desk.ca.url("/directory"), roots_pem=desk.ca.roots_pem)
    other = wish(desk, "other.example")
    desk.run(20 * SECOND, until=lambda: issued(other))
    assert issued(other)


def test_what_the_ca_exempts_from_its_limit_is_not_held(desk, now):
    from certificates.issuance import limits
    from identifiers.names import Name

    CaLimit.objects.create(
        account=desk.account, kind="orders", amount=300, seconds=3600, renewals_exempt=True
    )
    held = {"until": (desk.now + MINUTE).isoformat(), "told": (desk.now + HOUR).isoformat(), "domains": []}
    CaAccount.objects.filter(pk=desk.account.pk).update(orders_held=held)
    names = [Name.of("shop.example")]
    assert limits.next_slot(row(desk), names, "", desk.now) is not None
    assert limits.next_slot(row(desk), names, "a.b", desk.now) is None


def test_a_hold_written_before_the_clock_was_set_back_is_over(desk):
    later = (desk.now + timedelta(days=1)).isoformat()
    held = {"until": later, "told": later, "domains": ["one.example"]}
    CaAccount.objects.filter(pk=desk.account.pk).update(orders_held=held)
    wanted = wish(desk, "shop.example")
    desk.run_until_issued(wanted, MINUTE)
    assert AcmeOrder.objects.count() == 1


def test_the_operators_page_of_the_account_says_until_when(desk, client, operator):
    desk.ca.spoil("newOrder", limited())
    wish(desk, "one.example")
    desk.run(2 * SECOND)
    client.force_login(operator)
    page = client.get(reverse("admin:certificates_caaccount_change", args=[desk.account.pk])).content.decode()
    assert "A limit is reached: no new orders until" in page
