"""The shop window."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from orders.models import Price, Product


def prices_of(product: Product) -> list[Price]:
    return [price for price in product.prices.all() if price.currency == settings.CURRENCY]


@require_GET
def products(request: HttpRequest) -> HttpResponse:
    offers = [
        {"product": product, "prices": prices, "first": prices[0] if prices else None}
        for product in Product.objects.shown()
        for prices in [prices_of(product)]
    ]
    return render(request, "orders/products.html", {"offers": offers})
