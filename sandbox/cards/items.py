"""Line items: what a checkout session is about, and what each costs."""

from __future__ import annotations

from typing import Any

from sandbox.cards.book import Body, new_id
from sandbox.cards.errors import invalid, required
from sandbox.cards.parameters import ANY_KEYS, TEXT, Parameters, integer
from sandbox.cards.payments import MAX_AMOUNT

ITEM_SHAPE = {
    "price_data": {
        "currency": TEXT,
        "unit_amount": TEXT,
        "product_data": {"name": TEXT, "description": TEXT, "metadata": ANY_KEYS, "tax_code": TEXT},
        "tax_behavior": TEXT,
    },
    "quantity": TEXT,
}


def read_items(params: Parameters) -> list[Body]:
    """The line items, all in one currency; raises Refusal."""
    given = params.get("line_items")
    if not given:
        raise required("line_items")
    if len(given) > 100:
        raise invalid("A session can have 100 line items at most.", "line_items")
    items = [read_item(item, f"line_items[{number}]") for number, item in enumerate(given)]
    if len({item["currency"] for item in items}) > 1:
        raise invalid("All line items must have the same currency.", "line_items")
    return items


def read_item(item: Any, path: str) -> Body:
    """One line item with its price; raises Refusal."""
    price = item.get("price_data")
    if not price:
        raise required(f"{path}[price_data]")
    for member in ("currency", "unit_amount", "product_data"):
        if not price.get(member):
            raise required(f"{path}[price_data][{member}]")
    name = price["product_data"].get("name")
    if not name:
        raise required(f"{path}[price_data][product_data][name]")
    currency = str(price["currency"]).lower()
    if len(currency) != 3 or not currency.isascii() or not currency.isalpha():
        raise invalid(f"Invalid currency: {price['currency']}.", f"{path}[price_data][currency]")
    amount = integer(price["unit_amount"], f"{path}[price_data][unit_amount]", 0, MAX_AMOUNT)
    quantity = integer(item.get("quantity") or "", f"{path}[quantity]", 1, 10_000)
    total = amount * quantity
    return {
        "id": new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": currency,
        "description": name,
        "metadata": {},
        "price": {
            "id": new_id("price"),
            "object": "price",
            "active": False,
            "currency": currency,
            "livemode": False,
            "product": new_id("prod"),
            "type": "one_time",
            "unit_amount": amount,
            "unit_amount_decimal": str(amount),
        },
        "quantity": quantity,
    }
