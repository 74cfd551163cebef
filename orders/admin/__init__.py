"""The shop in the admin."""

from orders.admin import money, order, plan, product

__all__ = ["money", "order", "plan", "product"]
