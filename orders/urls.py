"""URLs of the shop."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from orders.views import confirmation, history, ordering, paying, products
from orders.webhook import stripe_webhook

urlpatterns: list[URLPattern | URLResolver] = [
    path("products/", products.products, name="products"),
    path("products/<slug:slug>/order/", ordering.order_new, name="order_new"),
    path("products/<slug:slug>/price/", ordering.order_price, name="order_price"),
    path("orders/", history.order_list, name="order_list"),
    path("orders/<uuid:order_id>/", history.order_detail, name="order_detail"),
    path("orders/<uuid:order_id>/change/", ordering.order_change, name="order_change"),
    path("orders/<uuid:order_id>/confirm/", confirmation.order_confirm, name="order_confirm"),
    path("orders/<uuid:order_id>/pay/", paying.order_pay, name="order_pay"),
    path("orders/<uuid:order_id>/paid/", paying.order_paid, name="order_paid"),
    path("orders/<uuid:order_id>/paid/status/", paying.order_paid_status, name="order_paid_status"),
    path("orders/<uuid:order_id>/receipt/", history.order_receipt, name="order_receipt"),
    path("orders/<uuid:order_id>/reopen/", history.order_reopen, name="order_reopen"),
    path("orders/<uuid:order_id>/cancel/", history.order_cancel, name="order_cancel"),
    path("webhooks/stripe/", stripe_webhook, name="stripe_webhook"),
]
