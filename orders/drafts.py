"""Baskets before the order is placed: begun by anybody, owned by whoever signs in on the way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts.models import User
from identifiers.names import Name
from orders.models import Order, OrderItem, OrderName, Product
from orders.models.order import IllegalMove
from orders.pricing import Quote, quote

KEPT = timedelta(days=14)  # as long as the session that holds its id


def begin(product: Product, names: Sequence[Name], years: int, *, owner: User | None, now: datetime) -> Order:
    """Open a draft at today's price. Raises NotForSale and WildcardNotOffered."""
    asked = quote(product, names, years, settings.CURRENCY)
    with transaction.atomic():
        order = Order.objects.create(owner=owner, currency=asked.currency, total=asked.total, created_at=now)
        _fill(order, product, names, years, asked)
    return order


def rewrite(order: Order, names: Sequence[Name], years: int) -> None:
    """Change names and term of a draft. Raises NotForSale, WildcardNotOffered, and IllegalMove for any other state."""
    product = item_of(order).product
    asked = quote(product, names, years, settings.CURRENCY)
    with transaction.atomic():
        _still_a_draft(order, currency=asked.currency, total=asked.total)
        order.items.all().delete()
        _fill(order, product, names, years, asked)


def reprice(order: Order) -> bool:
    """Copy today's price into the draft; True when it differs. Raises NotForSale, WildcardNotOffered, IllegalMove."""
    item = item_of(order)
    asked = quote(item.product, names_of(item), item.years, settings.CURRENCY)
    if (asked.total, asked.currency) == (order.total, order.currency):
        return False
    with transaction.atomic():
        _still_a_draft(order, currency=asked.currency, total=asked.total)
        OrderItem.objects.filter(pk=item.pk).update(amount=asked.total)
    return True


def adopt(order: Order, owner: User) -> bool:
    """Give an ownerless draft to the person who signed in; False when it has an owner already."""
    taken = Order.objects.filter(pk=order.pk, owner__isnull=True).update(owner=owner)
    if taken == 1:
        order.owner = owner
    return taken == 1


def item_of(order: Order) -> OrderItem:
    """Return the order's item with product, prices and names: an order of the shop has exactly one."""
    return order.items.select_related("product").prefetch_related("names", "product__prices").get()


def names_of(item: OrderItem) -> list[Name]:
    return [Name(name.ascii, name.wildcard) for name in item.names.all()]


def forget_stale(now: datetime) -> int:
    """Delete drafts that nobody signed in for and no session holds any more; return how many."""
    _rows, by_model = Order.objects.ownerless_drafts(before=now - KEPT).delete()
    return by_model.get("orders.Order", 0)


def _still_a_draft(order: Order, **values: object) -> None:
    written = Order.objects.filter(pk=order.pk, state=Order.State.DRAFT).update(**values)
    if written != 1:
        raise IllegalMove(f"order {order.number} is no draft any more")
    for name, value in values.items():
        setattr(order, name, value)


def _fill(order: Order, product: Product, names: Sequence[Name], years: int, asked: Quote) -> None:
    item = OrderItem.objects.create(order=order, product=product, years=years, amount=asked.total)
    OrderName.objects.bulk_create(
        OrderName(item=item, ascii=name.ascii, wildcard=name.wildcard, position=position)
        for position, name in enumerate(names)
    )
