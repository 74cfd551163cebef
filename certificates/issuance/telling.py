"""A letter to a customer whose order ended by itself, published or not: the next one wants other values."""

from __future__ import annotations

from django.db.models import Q

from accounts.mail import write
from certificates.held_up import EXPIRED
from certificates.issuance import expiring
from certificates.issuance.walk import Walk
from certificates.models import AcmeOrder
from validation.models import Authorization


def new_values(walk: Walk) -> None:
    """Write the letter, once for each order, to who has done their part, or was about to, and may have closed the page."""
    order, plan = walk.order, walk.issuance.plan
    if order.attempt == 1 or expiring.was_asked_for(walk):
        return
    expired = expiring.slug_of_last(walk) == EXPIRED
    if not expired and not _has_published(walk):
        return
    names = [row.text for row in expiring.needing_somebody(walk)]
    if not names:
        return
    write(
        "publish_again",
        to=plan.owner.email,
        occasion=f"publish_again:{order.pk}",
        now=walk.now,
        context={"plan": plan, "names": names, "expired": expired},
        plan_id=plan.pk,
    )


def _has_published(walk: Walk) -> bool:
    """True if an earlier order at this CA was shown something. A verdict, and a move to another CA, bring letters of their own."""
    order = walk.order
    shown = Q(shown_at__isnull=False) | Q(insisted_at__isnull=False)
    return Authorization.objects.filter(
        shown,
        acme_orders__issuance=walk.issuance,
        acme_orders__account=order.account_id,
        acme_orders__attempt__lt=order.attempt,
        acme_orders__waiting_for=AcmeOrder.WaitingFor.NOBODY,
    ).exists()
