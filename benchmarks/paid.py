"""Paid orders whose customers have finished the wizard: the rows that the walk leaves behind, made in bulk."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accounts.models import User
    from certificates.models import Issuance
    from orders.models import Order, Plan

CUSTOMERS = 50


def plans(count: int, *, names: int = 1, key_type: str = "ec-p256", prefix: str = "n") -> list[Plan]:
    """Return `count` open plans with `names` names each, of CUSTOMERS new customers, ready to be requested."""
    from django.utils import timezone

    from accounts.models import User
    from certificates.models import Activation, ActivationName
    from orders.models import OrderItem, Plan, Product

    now, run = timezone.now(), uuid.uuid4().hex[:10]
    product = Product.objects.get(slug="dv")
    people = User.objects.bulk_create(
        User(email=f"customer{number}.{run}@example.org", password="!") for number in range(CUSTOMERS)
    )
    orders = _orders(count, people, now)
    items = OrderItem.objects.bulk_create(
        OrderItem(order=order, product=product, years=1, amount=1900) for order in orders
    )
    made = Plan.objects.bulk_create(
        Plan(
            item=item, owner=item.order.owner, product=product, single_names=names, wildcard_names=0, years=1,
            starts_at=now, ends_at=now + timedelta(days=365),
        )
        for item in items
    )  # fmt: skip
    activations = Activation.objects.bulk_create(
        Activation(
            plan=plan, csr_source="generated", key_type=key_type, csr_done_at=now, contacts_done_at=now,
            methods_done_at=now, admin_name="Alice Archer", admin_email="alice@example.org",
        )
        for plan in made
    )  # fmt: skip
    ActivationName.objects.bulk_create(
        ActivationName(
            activation=activation,
            ascii=f"{prefix}{number}-{position}.{run}.example",
            method="dns-01",
            position=position,
        )
        for number, activation in enumerate(activations)
        for position in range(names)
    )
    return made


def _orders(count: int, people: list[User], now: datetime) -> list[Order]:
    from orders.models import Order

    return Order.objects.bulk_create(
        Order(
            owner=people[number % len(people)], state="paid", currency="EUR", total=1900, created_at=now,
            paid_at=now, purchaser_name="Bench",
        )
        for number in range(count)
    )  # fmt: skip


def request_all(wanted: list[Plan]) -> list[Issuance]:
    """Press every customer's Finish button at one moment: nothing is seen by a worker before all are there."""
    from django.db import transaction
    from django.utils import timezone

    from certificates import issuance

    with transaction.atomic():
        return [issuance.request(plan, by=plan.owner, now=timezone.now()) for plan in wanted]
