"""The shop's due rows and the process that works each kind; the hall's sweep takes them from here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from orders.events import process_event
from orders.models import GatewayEvent, Payment, Refund
from orders.reconciliation import reconcile
from orders.refunds import execute_refund

QUEUES: dict[str, tuple[Any, Callable[[Any, datetime], None]]] = {
    "gateway_events": (GatewayEvent.objects, process_event),
    "payments": (Payment.objects, reconcile),
    "refunds": (Refund.objects, execute_refund),
}
