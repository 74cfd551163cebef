"""Names against products, before anybody pays."""

from __future__ import annotations

import pytest

from identifiers.names import Name
from orders import sanity
from orders.sanity import Notice, Refusal, look, look_quickly

WILD = Name("shop.example", wildcard=True)


def refusals(product, *names):
    return [finding.message for finding in look_quickly(product, list(names)).refusals]


def test_a_plain_name_suits_dv(shop):
    assert refusals(shop["dv"], Name("shop.example")) == []


def test_the_first_name_of_a_wildcard_product_is_a_wildcard(shop):
    assert "*.shop.example" in refusals(shop["wildcard-dv"], Name("shop.example"))[0]
    assert refusals(shop["wildcard-dv"], WILD, Name("shop.example")) == []


def test_a_wildcard_needs_a_price(shop):
    assert refusals(shop["dv"], WILD) == []
    assert "*.shop.example" in refusals(shop["ev"], WILD)[0]


def test_a_wildcard_product_without_a_price_for_more_takes_one(shop):
    shop["wildcard-dv"].prices.update(extra_wildcard_amount=None)
    product = type(shop["dv"]).objects.prefetch_related("prices").get(slug="wildcard-dv")
    assert refusals(product, WILD) == []
    assert len(refusals(product, WILD, Name("other.example", wildcard=True))) == 1


def test_it_counts_the_names(shop):
    names = [Name(f"n{number}.example") for number in range(26)]
    assert "25" in refusals(shop["dv"], *names)[0]


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        (Name("shop.example"), Name("www.shop.example")),
        (Name("www.shop.example"), Name("shop.example")),
        (WILD, Name("shop.example")),
        (Name("mail.shop.example"), None),
        (Name("shop.co.uk"), Name("www.shop.co.uk")),
    ],
)
def test_it_offers_the_twin(shop, name, twin):
    offered = [notice.add for notice in look_quickly(shop["dv"], [name]).notices if notice.add]
    assert offered == ([twin] if twin else [])


def test_it_says_when_the_twin_is_included(shop):
    assert "nothing more" in look_quickly(shop["wildcard-dv"], [WILD]).notices[0].message
    assert "nothing more" not in look_quickly(shop["dv"], [Name("shop.example")]).notices[0].message


def test_it_offers_nothing_that_is_there_or_covered(shop):
    assert look_quickly(shop["dv"], [Name("shop.example"), Name("www.shop.example")]).notices == ()
    assert look_quickly(shop["wildcard-dv"], [WILD, Name("shop.example")]).notices == ()


def test_it_tells_of_a_name_paid_for_twice(shop):
    notices = look_quickly(
        shop["wildcard-dv"], [WILD, Name("shop.example"), Name("www.shop.example")]
    ).notices
    assert [notice.name for notice in notices] == [Name("www.shop.example")]


def test_what_the_hall_adds_is_asked_last_and_only_for_suitable_names(shop, monkeypatch):
    asked = []

    def caa(product, names):
        asked.append(names)
        return [
            Refusal("no", name=names[0], record='shop.example. CAA 0 issue "ca.example"'),
            Notice("hm", name=names[0]),
        ]

    monkeypatch.setattr(sanity, "CHECKS", {"caa": caa})
    assert look(shop["wildcard-dv"], [Name("shop.example")]).refusals[0].record == ""
    assert asked == []
    findings = look(shop["dv"], [Name("shop.example")])
    assert findings.refusals[0].record
    assert [notice.message for notice in findings.notices if not notice.add] == ["hm"]
    assert len(asked) == 1
