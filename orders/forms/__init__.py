"""What the shop asks people: what to order, and who buys."""

from orders.forms.order import OrderForm
from orders.forms.purchaser import PurchaserForm

__all__ = ["OrderForm", "PurchaserForm"]
