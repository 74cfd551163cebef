"""The gateway's door: checks the signature, keeps the event once, answers at once, and rings."""

from __future__ import annotations

import logging

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from leases import ring
from orders import gateways
from orders.gateways import Event, ForgedEvent
from orders.models import GatewayEvent

log = logging.getLogger(__name__)

MAX_BODY = 512 * 1024


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Keep a signed event; 400 for anything else. No remote call is made while the gateway waits."""
    try:
        size = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        size = 0
    if size > MAX_BODY:
        return JsonResponse({"error": "too large"}, status=413)
    try:
        event = gateways.gateway("stripe").verify_event(
            request.body, request.headers.get("Stripe-Signature", ""), timezone.now()
        )
    except ForgedEvent as exc:
        log.warning("webhook refused: %s", exc)
        return JsonResponse({"error": str(exc)}, status=400)
    keep(event, "stripe")
    return JsonResponse({"received": True})


def keep(event: Event, gateway: str) -> bool:
    """Store the event once by its id and ring; False when it was known."""
    now = timezone.now()
    with transaction.atomic():
        _row, created = GatewayEvent.objects.get_or_create(
            id=event.id,
            defaults={
                "gateway": gateway,
                "kind": event.kind,
                "payload": dict(event.payload),
                "received_at": now,
                "due_at": now,
            },
        )
        if created:
            ring()
    return created
