"""Minor units and their currencies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.gateways import GatewayRefused
from orders.gateways.stripe import from_stripe, to_stripe
from orders.money import digits, shown
from portal.money_text import exponent


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (4900, "EUR", "49.00 EUR"),
        (5, "USD", "0.05 USD"),
        (4900, "JPY", "4900 JPY"),
        (1234, "KWD", "1.234 KWD"),
        (-50, "EUR", "-0.50 EUR"),
    ],
)
def test_it_writes_money_with_its_currency(amount, currency, text):
    assert shown(amount, currency) == text


def test_the_gateway_counts_zero_decimal_currencies_in_whole_units():
    assert to_stripe(4900, "JPY") == 4900
    assert to_stripe(4900, "UGX") == 490_000
    assert from_stripe(490_000, "UGX") == 4900


def test_a_part_that_we_could_not_have_asked_for_never_matches():
    assert from_stripe(490_001, "UGX") != 4900


def test_it_refuses_an_amount_that_stripe_cannot_express():
    assert to_stripe(1230, "KWD") == 1230
    with pytest.raises(GatewayRefused):
        to_stripe(1234, "KWD")


@given(st.integers(0, 10**8), st.sampled_from(["EUR", "USD", "JPY", "UGX", "KRW", "ISK", "CHF"]))
def test_what_goes_to_the_gateway_comes_back(amount, currency):
    assert from_stripe(to_stripe(amount, currency), currency) == amount


def test_pages_and_mails_count_decimal_places_alike():
    for currency in ["EUR", "JPY", "KWD", "UGX", "ISK", "MGA", "TND", "HUF", "CLP"]:
        assert digits(currency) == exponent(currency)
