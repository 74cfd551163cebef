"""In case no event ever arrives: asks the gateway itself about every payment that is not over."""

from __future__ import annotations

from datetime import datetime, timedelta

from orders import checkout, fulfilment
from orders.checkout import LOOK_EVERY, SHORTEST_RETRY, AlreadyPaid, PaymentProcessing
from orders.fulfilment import UnknownSession
from orders.gateways import GatewayRefused, GatewayUnavailable
from orders.models import Payment

LOOK_AGAIN = timedelta(minutes=2)
LOOK_AT_DELAYED = timedelta(minutes=30)
# The gateway's clock may be behind ours.
GRACE = timedelta(minutes=1)


def reconcile(payment: Payment, now: datetime) -> None:
    """Ask the gateway how a claimed payment stands, and say when to ask again. Raises LeaseLost."""
    try:
        _look(payment, now)
    except GatewayUnavailable as exc:
        payment.let_go(now + LOOK_AGAIN, problem=str(exc)[:300])
        return
    except (AlreadyPaid, PaymentProcessing, UnknownSession):
        pass
    except GatewayRefused as exc:
        # The gateway does not know its own page: nothing can be paid there, but somebody should look.
        if Payment.objects.get(pk=payment.pk).live:
            payment.let_go(None, state=Payment.State.FAILED, problem=str(exc)[:300], settled_at=now)
        return
    current = Payment.objects.get(pk=payment.pk)
    if current.live:
        payment.let_go(next_look(current, now), problem="")
    elif current.due_at is not None:
        payment.let_go(None)


def _look(payment: Payment, now: datetime) -> None:
    if payment.session_id:
        fulfilment.settle(payment.session_id, now, gateway=payment.gateway)
    elif payment.expires_at - now >= SHORTEST_RETRY:
        payment.renew_lease(now)
        checkout.open_page(payment, now)
    else:
        # Too late to ask for the page again: find it if it was ever made, and close it.
        checkout.close_page(payment, now)


def next_look(payment: Payment, now: datetime) -> datetime:
    """Return when to ask again: every few minutes while the page is open, and right after it closes."""
    if payment.state == Payment.State.PROCESSING:
        return now + LOOK_AT_DELAYED
    closes = payment.expires_at + GRACE
    return min(now + LOOK_EVERY, closes) if closes > now else now + LOOK_AGAIN
