"""A cardholder disputes a payment: plans stand still until the bank has decided. Nothing is revoked by itself."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from orders import gateways, refunds
from orders.models import Order, Payment


def take_in(payment: Payment, dispute_id: str, now: datetime) -> str:
    """Ask the gateway how the dispute stands and write down what follows; return its standing.

    Raises GatewayUnavailable and GatewayRefused. Call it outside a transaction.
    """
    dispute = gateways.gateway(payment.gateway).dispute(dispute_id)
    if dispute.standing == "inquiry" or dispute.intent_id != payment.intent_id:
        return "inquiry" if dispute.standing == "inquiry" else "of another payment"
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=payment.order_id)
        Payment.objects.filter(pk=payment.pk).update(dispute=Payment.Dispute(dispute.standing))
        refunds.restate(order, now, by=payment.gateway)
    return dispute.standing
