"""The first visit: an activation is made from what the order says."""

from __future__ import annotations

from django.db import transaction

from certificates.models import Activation, ActivationName
from orders.models import Plan
from orders.models.order import OrderName


def open_activation(plan: Plan) -> Activation:
    """Return the plan's activation with its names; made from the order's names and purchaser on the first visit."""
    found = Activation.objects.filter(plan=plan).prefetch_related("names").first()
    if found is None:
        with transaction.atomic():
            made, created = Activation.objects.get_or_create(plan=plan, defaults=_from_order(plan))
            if created:
                _copy_names(made)
        found = Activation.objects.prefetch_related("names").get(pk=made.pk)
    found.plan = plan
    return found


def _from_order(plan: Plan) -> dict[str, str]:
    order = plan.item.order
    first = OrderName.objects.filter(item=plan.item).first()
    longest = Activation._meta.get_field("locality").max_length
    return {
        "common_name": first.text if first else "",
        "organization": order.purchaser_company[:64],
        "locality": order.purchaser_city[:longest],
        "country": order.purchaser_country,
        "admin_name": order.purchaser_name,
        "admin_email": order.purchaser_email,
        "admin_phone": order.purchaser_phone,
        "admin_organization": order.purchaser_company,
    }


def _copy_names(activation: Activation) -> None:
    ordered = OrderName.objects.filter(item=activation.plan.item)
    ActivationName.objects.bulk_create(
        ActivationName(activation=activation, ascii=name.ascii, wildcard=name.wildcard, position=position)
        for position, name in enumerate(ordered)
    )
