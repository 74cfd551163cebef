"""Baskets before the order is placed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from identifiers.names import Name
from orders import drafts
from orders.models import Order
from orders.models.order import IllegalMove
from tests.conftest import NOW


def test_the_prices_of_that_moment_are_copied(shop):
    order = drafts.begin(shop["dv"], [Name("shop.example")], 2, owner=None, now=NOW)
    shop["dv"].prices.update(amount=1)
    assert Order.objects.get(pk=order.pk).items.get().amount == 3500


def test_names_keep_their_order_and_kind(shop):
    names = [Name("shop.example", wildcard=True), Name("shop.example"), Name("a.example")]
    order = drafts.begin(shop["wildcard-dv"], names, 1, owner=None, now=NOW)
    assert drafts.names_of(drafts.item_of(order)) == names


def test_a_placed_order_is_not_rewritten(order):
    with pytest.raises(IllegalMove):
        drafts.rewrite(order, [Name("other.example")], 1)
    assert [name.text for name in order.items.get().names.all()] == ["shop.example", "www.shop.example"]


def test_only_the_first_to_sign_in_owns_a_draft(shop, alice, bob):
    order = drafts.begin(shop["dv"], [Name("shop.example")], 1, owner=None, now=NOW)
    assert drafts.adopt(order, alice)
    assert not drafts.adopt(Order.objects.get(pk=order.pk), bob)
    assert Order.objects.get().owner == alice


def test_baskets_that_nobody_came_back_for_are_forgotten(shop, alice):
    drafts.begin(shop["dv"], [Name("old.example")], 1, owner=None, now=NOW - timedelta(days=15))
    drafts.begin(shop["dv"], [Name("young.example")], 1, owner=None, now=NOW - timedelta(days=13))
    drafts.begin(shop["dv"], [Name("mine.example")], 1, owner=alice, now=NOW - timedelta(days=99))
    assert drafts.forget_stale(NOW) == 1
    assert Order.objects.count() == 2
