"""Arithmetic of the shop: never negative, never cheaper for more, and every cent on a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identifiers.names import Name
from orders.models import Price, Product
from orders.pricing import NotForSale, WildcardNotOffered, quote, reckon

names_of = st.lists(
    st.builds(Name, st.from_regex(r"[a-z]{1,8}\.example", fullmatch=True), st.booleans()),
    unique=True,
    max_size=30,
)
amounts = st.integers(0, 100_000)


@st.composite
def price_lists(draw):
    product = Product(
        slug="p", title="P", wildcard=draw(st.booleans()), names_included=draw(st.integers(1, 5))
    )
    base, extra, wild = 0, 0, 0
    rows = []
    for years in (1, 2, 3):
        base, extra, wild = base + draw(amounts), extra + draw(amounts), wild + draw(amounts)
        rows.append(
            Price(
                product=product,
                years=years,
                currency="EUR",
                amount=base,
                extra_name_amount=extra,
                extra_wildcard_amount=wild,
            )
        )
    return rows


@given(price_lists(), names_of)
def test_the_lines_add_up_to_the_total_and_none_is_negative(prices, names):
    for price in prices:
        found = reckon(price, names)
        assert found.total == sum(line.amount for line in found.lines)
        assert all(line.amount >= 0 for line in found.lines)
        assert found.total >= price.amount


@given(price_lists(), names_of, st.builds(Name, st.just("one.more.test"), st.booleans()))
def test_one_more_name_never_costs_less(prices, names, more):
    for price in prices:
        assert reckon(price, [*names, more]).total >= reckon(price, names).total


@given(price_lists(), names_of)
def test_a_longer_term_never_costs_less(prices, names):
    totals = [reckon(price, names).total for price in prices]
    assert totals == sorted(totals)


@given(price_lists(), names_of, st.randoms())
def test_the_order_of_the_names_does_not_change_the_price(prices, names, random):
    shuffled = list(names)
    random.shuffle(shuffled)
    assert reckon(prices[0], shuffled).total == reckon(prices[0], names).total


def test_the_seeded_prices_are_what_the_window_says(shop):
    dv, wildcard = shop["dv"], shop["wildcard-dv"]
    assert quote(dv, [Name("a.example")], 1, "EUR").total == 1900
    assert quote(dv, [Name("a.example"), Name("www.a.example")], 1, "EUR").total == 1900 + 900
    assert quote(dv, [Name("a.example"), Name("a.example", wildcard=True)], 3, "EUR").total == 4900 + 19900
    assert quote(wildcard, [Name("a.example", wildcard=True), Name("a.example")], 1, "EUR").total == 8900
    more = [
        Name("a.example", wildcard=True),
        Name("a.example"),
        Name("b.example"),
        Name("b.example", wildcard=True),
    ]
    assert quote(wildcard, more, 2, "EUR").total == 16500 + 1600 + 13900


def test_what_is_not_on_the_price_list_is_not_for_sale(shop):
    with pytest.raises(NotForSale):
        quote(shop["dv"], [Name("a.example")], 4, "EUR")
    with pytest.raises(NotForSale):
        quote(shop["dv"], [Name("a.example")], 1, "CHF")
    with pytest.raises(WildcardNotOffered):
        quote(shop["ev"], [Name("a.example", wildcard=True)], 1, "EUR")
