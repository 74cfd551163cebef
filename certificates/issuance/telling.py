"""A letter to a customer whose order ended by itself, published or not: the next one wants other values."""

from __future__ import annotations

from django.db.models import Q

from accounts.mail import write
from certificates.issuance.walk import Walk
from certificates.models import AcmeOrder
from validation.models import Authorization


def new_values(walk: Walk) -> None:
    """Write the letter, once for each order, to who has done their part, or let it expire, and may have closed the page."""
    order, plan = walk.order, walk.issuance.plan
    if order.attempt == 1:
        return
    names = [row.text for row in walk.authorizations() if row.status == Authorization.Status.PENDING]
    if not names or not (_has_published(walk) or _expired(walk)):
        return
    write(
        "publish_again",
        to=plan.owner.email,
        occasion=f"publish_again:{order.pk}",
        now=walk.now,
        context={"plan": plan, "names": names},
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


def _expired(walk: Walk) -> bool:
    """True if the order before this one ended by its date: whoever noted its values must not publish them now."""
    order = walk.order
    earlier = AcmeOrder.objects.filter(
        issuance=walk.issuance, account=order.account_id, attempt__lt=order.attempt
    )
    problem = earlier.order_by("-attempt").values_list("problem", flat=True).first()
    return problem is not None and problem.get("type") == "chancery:order_expired"
