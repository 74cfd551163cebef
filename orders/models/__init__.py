"""The nouns of the shop."""

from orders.models.agreement import Agreement
from orders.models.event import GatewayEvent
from orders.models.order import Order, OrderItem, OrderName
from orders.models.payment import Payment, Refund
from orders.models.plan import Plan
from orders.models.product import Price, Product

__all__ = [
    "Agreement",
    "GatewayEvent",
    "Order",
    "OrderItem",
    "OrderName",
    "Payment",
    "Plan",
    "Price",
    "Product",
    "Refund",
]
