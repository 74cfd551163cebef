"""My certificates: what stands there, for whom, and at what price in queries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.conftest import NOW
from tests.factories import (
    OrderFactory,
    OrderItemFactory,
    OrderNameFactory,
    PlanFactory,
    certificate_for,
    issuance_for,
    plan_for,
)

URL = "/certificates/"


def unpaid_order(owner, *names, **columns):
    order = OrderFactory(owner=owner, state="awaiting_payment", **columns)
    item = OrderItemFactory(order=order)
    for position, name in enumerate(names):
        OrderNameFactory(
            item=item, ascii=name.removeprefix("*."), wildcard=name.startswith("*."), position=position
        )
    return order


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


def test_nobody_sees_it_without_signing_in(db):
    response = Client().get(URL)
    assert response.status_code == 302
    assert "/accounts/login/" in response["Location"]


def test_an_empty_account_is_shown_the_way_to_the_shop(browser, alice):
    page = text_of(browser(alice).get(URL))
    assert "No certificates yet" in page
    assert f'href="{reverse("products")}">Order now' in page
    assert "Find by domain name" not in page


def test_each_plan_tells_its_standing_and_the_one_thing_to_do(browser, alice):
    issued = plan_for(alice, "shop.example")
    certificate_for(issued)
    waiting = plan_for(alice, "wait.example")
    issuance_for(waiting, url="https://ca.example/1", waiting_for="customer", due_at=NOW)
    PlanFactory(owner=alice, order_names=["fresh.example"])
    page = text_of(browser(alice).get(URL))
    for words in ("Issued, not installed", "Waiting for you", "Setup needed", "Valid until"):
        assert words in page
    assert f'href="{reverse("overview", args=[issued.pk])}#download">Download Certificate' in page
    assert f'href="{reverse("activation", args=[waiting.pk])}">See what to publish' in page
    assert "Continue setup" in page


def test_a_name_is_shown_as_people_write_it_with_its_a_label_beside_it(browser, alice):
    certificate_for(plan_for(alice, "xn--mnchen-3ya.example", "www.xn--mnchen-3ya.example"))
    page = text_of(browser(alice).get(URL))
    assert "münchen.example" in page
    assert "xn--mnchen-3ya.example" in page
    assert "and 1 more name " in page


def test_orders_without_money_stand_on_top(browser, alice):
    certificate_for(plan_for(alice))
    order = unpaid_order(alice, "*.topay.example", "topay.example", total=6700)
    page = text_of(browser(alice).get(URL))
    assert page.index("Payment needed") < page.index("Issued, not installed")
    assert '*.<span class="break">topay.example' in page
    assert f'href="{reverse("order_detail", args=[order.pk])}">Pay now' in page
    assert "€67.00" in page


def test_a_strangers_plans_and_orders_are_not_there(browser, alice, bob):
    certificate_for(plan_for(alice, "secret.example"))
    order = unpaid_order(alice, "unpaid.example")
    page = text_of(browser(bob).get(URL))
    assert "secret.example" not in page
    assert order.number not in page
    assert "secret.example" not in text_of(browser(bob).get(URL, {"q": "secret"})).replace(
        'value="secret"', ""
    )


@pytest.mark.parametrize("query", ["SHOP", "shop.example", "*.shop", "hop.exam"])
def test_a_piece_of_a_name_finds_it(browser, alice, query):
    plan_for(alice, "shop.example")
    plan_for(alice, "other.example")
    page = text_of(browser(alice).get(URL, {"q": query}))
    assert "1 match" in page
    assert ">shop.example<" in page
    assert ">other.example<" not in page


@pytest.mark.parametrize("query", ["mün", "MÜNCHEN.example", "münchen", "xn--mnch"])
def test_an_internationalised_name_is_found_as_people_write_it(browser, alice, query):
    plan_for(alice, "xn--mnchen-3ya.example")
    plan_for(alice, "other.example")
    page = text_of(browser(alice).get(URL, {"q": query}))
    assert "1 match" in page
    assert "münchen.example" in page


def test_a_plan_without_activation_is_found_by_what_was_ordered(browser, alice):
    PlanFactory(owner=alice, order_names=["fresh.example"])
    assert "1 match" in text_of(browser(alice).get(URL, {"q": "fresh"}))


def test_the_number_of_an_order_finds_its_plan(browser, alice):
    plan = plan_for(alice, "shop.example")
    plan_for(alice, "other.example")
    assert "1 match" in text_of(browser(alice).get(URL, {"q": plan.item.order.number.lower()}))


@pytest.mark.parametrize(
    "query",
    ["%", "_", "'; DROP TABLE", "<script>alert(1)</script>", "\0", "ü" * 3000, "xn--", "*.", ".", "☃" * 99],
)
def test_strange_searches_find_nothing_and_break_nothing(browser, alice, query):
    plan_for(alice, "shop.example")
    response = browser(alice).get(URL, {"q": query})
    assert response.status_code == 200
    assert "<script>alert" not in response.content.decode()


@pytest.mark.parametrize("page", ["0", "-1", "99", "abc", "", "1e9"])
def test_a_page_that_is_none_shows_one_that_is(browser, alice, page):
    plan_for(alice, "shop.example")
    response = browser(alice).get(URL, {"page": page})
    assert "shop.example" in response.content.decode()


def test_long_lists_come_in_pages_that_keep_the_search(browser, alice):
    for number in range(27):
        PlanFactory(owner=alice, order_names=[f"n{number}.example"], starts_at=NOW - timedelta(days=number))
    first = text_of(browser(alice).get(URL, {"q": "example"}))
    assert "Page 1 of 2" in first
    assert "q=example" in first
    second = text_of(browser(alice).get(URL, {"q": "example", "page": "2"}))
    assert ">n26.example<" in second


def fill(owner, count: int) -> None:
    for number in range(count):
        plan = plan_for(owner, f"n{number}.example", f"www.n{number}.example")
        certificate_for(plan, issued_at=NOW - timedelta(days=20), state="superseded")
        certificate_for(plan, kind="rekey")
        issuance_for(
            plan_for(owner, f"w{number}.example"),
            url=f"https://ca.example/{owner.email}/{number}",
            due_at=NOW,
        )
        PlanFactory(owner=owner, order_names=[f"f{number}.example"])
        unpaid_order(owner, f"u{number}.example", f"v{number}.example")


def test_the_number_of_queries_is_small_and_does_not_grow(browser, alice, bob):
    fill(alice, 1)
    fill(bob, 8)
    counts = []
    for client in (browser(alice), browser(bob)):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(URL).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 10, "with the session and the person"


def test_the_page_is_kept_by_nobody(browser, alice):
    assert "no-store" in browser(alice).get(URL)["Cache-Control"]
