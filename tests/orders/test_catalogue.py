"""The shop window of a new installation."""

from __future__ import annotations

from django.core.management import call_command

from orders import catalogue
from orders.models import Agreement, Price, Product
from tests.conftest import NOW


def test_it_shows_four_products_and_sells_two(db):
    assert catalogue.seed(NOW, "EUR") == ["dv", "wildcard-dv", "ov", "ev"]
    assert [product.slug for product in Product.objects.shown()] == ["dv", "wildcard-dv", "ov", "ev"]
    assert {product.slug for product in Product.objects.on_sale()} == {"dv", "wildcard-dv"}
    assert all(product.note for product in Product.objects.filter(on_sale=False))
    assert Agreement.objects.current().version == "1"


def test_a_second_run_changes_nothing_that_an_operator_edited(db):
    catalogue.seed(NOW, "EUR")
    Product.objects.filter(slug="ov").update(on_sale=True, title="Business")
    Price.objects.filter(product__slug="dv", years=1).update(amount=1)
    Price.objects.filter(product__slug="dv", years=3).delete()
    assert catalogue.seed(NOW, "EUR") == []
    assert Product.objects.get(slug="ov").title == "Business"
    assert list(Price.objects.filter(product__slug="dv").values_list("years", "amount")) == [
        (1, 1),
        (2, 3500),
    ]
    assert Agreement.objects.count() == 1


def test_prices_never_fall_with_the_term(shop):
    for product in shop.values():
        rows = list(product.prices.all())
        for column in ("amount", "extra_name_amount", "extra_wildcard_amount"):
            amounts = [getattr(row, column) or 0 for row in rows]
            assert amounts == sorted(amounts)


def test_a_currency_without_cents_gets_whole_units(db):
    catalogue.seed(NOW, "JPY")
    assert Price.objects.get(product__slug="dv", years=1).amount == 19


def test_the_command_says_what_it_added(db, capsys):
    call_command("seed_catalogue")
    call_command("seed_catalogue")
    assert capsys.readouterr().out.split("\n")[:2] == ["added: dv, wildcard-dv, ov, ev", "nothing to add"]
