"""Where is it: plans and orders by order number, domain, e-mail address, serial number or id."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from accounts.models import User
from audit.admin_pages import page_of
from certificates.models import Activation, Certificate, Issuance
from identifiers.names import Name, UnacceptableName, parse
from leases.keys import some
from orders.models import Order, OrderItem, OrderName, Plan

SHOWN = 50
NUMBER = re.compile(r"[2-9A-HJ-NP-Z]{4}-?[2-9A-HJ-NP-Z]{4}")
SERIAL = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True)
class Hit:
    """One plan, or one order that has none."""

    title: str
    owner: str
    names: tuple[Name, ...]
    state: str
    since: datetime
    url: str


def search(text: str) -> list[Hit]:
    """Return at most SHOWN hits, newest first. A fixed number of queries, whatever is found."""
    text = text.strip()[:253]
    if not text:
        return []
    owners = some(User.objects.filter(email__istartswith=text).values_list("pk")) if "@" in text else []
    plans = list(_plans(text, owners))
    found = {plan.item.order_id for plan in plans}
    orders = [order for order in _orders(text, owners) if order.pk not in found]
    hits = [_of_plan(plan) for plan in plans] + [_of_order(order) for order in orders]
    return sorted(hits, key=lambda hit: hit.since, reverse=True)[:SHOWN]


def _plans(text: str, owners: list[uuid.UUID]) -> Iterable[Plan]:
    wanted = Q(owner__in=owners)
    items: list[int] = []
    if "@" in text:
        items += some(OrderItem.objects.filter(order__purchaser_email__istartswith=text).values_list("pk"))
    if number := _number(text):
        items += some(OrderItem.objects.filter(order__number=number).values_list("pk"))
    if one := _uuid(text):
        items += some(OrderItem.objects.filter(order=one).values_list("pk"))
        issued = some(Certificate.objects.filter(pk=one).values_list("plan_id"))
        wanted |= Q(pk__in=[one, *some(Issuance.objects.filter(pk=one).values_list("plan_id")), *issued])
    if serial := _serial(text):
        wanted |= Q(pk__in=some(Certificate.objects.filter(serial__in=serial).values_list("plan_id")))
    if name := _name(text):
        under = Q(names__ascii=name) | Q(names__ascii__endswith=f".{name}")
        items += some(OrderName.objects.at_or_below(name).order_by("-pk").values_list("item_id"))
        wanted |= Q(pk__in=some(Activation.objects.filter(under).order_by("-pk").values_list("plan_id")))
    rows = Plan.objects.filter(wanted | Q(item__in=items)).select_related("item__order", "owner", "product")
    return rows.prefetch_related("item__names").order_by("-starts_at")[:SHOWN]


def _orders(text: str, owners: list[uuid.UUID]) -> Iterable[Order]:
    wanted = Q(owner__in=owners)
    if "@" in text:
        wanted |= Q(purchaser_email__istartswith=text)
    if number := _number(text):
        wanted |= Q(number=number)
    if one := _uuid(text):
        wanted |= Q(pk=one)
    if name := _name(text):
        named = OrderName.objects.at_or_below(name).order_by("-pk")
        wanted |= Q(pk__in=some(named.values_list("item__order_id")))
    fulfilled = Plan.objects.filter(item__order=OuterRef("pk"))
    rows = Order.objects.filter(~Exists(fulfilled), wanted).select_related("owner")
    return rows.prefetch_related("items__names").order_by("-created_at")[:SHOWN]


def _number(text: str) -> str:
    number = text.upper()
    if not NUMBER.fullmatch(number):
        return ""
    return number if "-" in number else f"{number[:4]}-{number[4:]}"


def _serial(text: str) -> list[str]:
    """Return the spellings of a serial number as people paste it: with colons, spaces, leading zeros, in capitals."""
    serial = text.lower().replace(":", "").replace(" ", "").removeprefix("0x")
    if not SERIAL.fullmatch(serial):
        return []
    bare = serial.lstrip("0")
    return [bare, f"0{bare}", f"00{bare}"]


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _name(text: str) -> str:
    """Return the A-label to look for; what is no domain name is not one to search for."""
    try:
        return parse(text, allow_reserved=True).ascii
    except UnacceptableName:
        return text.lower().removeprefix("*.") if re.fullmatch(r"[\w*-]+(\.[\w-]+)+", text) else ""


def _of_plan(plan: Plan) -> Hit:
    return Hit(
        title=f"{plan.item.order.number} {plan.product.title}",
        owner=plan.owner.email,
        names=tuple(Name(name.ascii, name.wildcard) for name in plan.item.names.all()),
        state=plan.get_state_display(),
        since=plan.starts_at,
        url=reverse("staff_plan", args=[plan.pk]),
    )


def _of_order(order: Order) -> Hit:
    return Hit(
        title=order.number,
        owner=order.owner.email if order.owner else order.purchaser_email,
        names=tuple(
            Name(name.ascii, name.wildcard) for item in order.items.all() for name in item.names.all()
        ),
        state=order.get_state_display(),
        since=order.created_at,
        url=page_of(order),
    )
