"""What every walk reads, several times for each certificate, as queries that are built once."""

from __future__ import annotations

from typing import Any

from certificates.models import AcmeOrder, Issuance
from leases.prepared import Prepared
from validation.models import Authorization, Challenge

_ORDER_KEY: Any = AcmeOrder._meta.pk
_EPOCH: Any = AcmeOrder._meta.get_field("epoch")

_claimed = Prepared(
    lambda pk, epoch: (
        AcmeOrder.objects.select_related(
            "account__parent", "issuance__plan__owner", "issuance__plan__item", "issuance__key"
        )
        .filter(pk=pk, epoch=epoch)
        .order_by()
    ),
    _ORDER_KEY,
    _EPOCH,
)
_authorizations = Prepared(
    lambda order: Authorization.objects.filter(acme_orders=order).order_by("identifier", "wildcard"),
    _ORDER_KEY,
)
_challenges = Prepared(
    lambda order: Challenge.objects.filter(authorization__acme_orders=order).order_by("pk"), _ORDER_KEY
)
_state = Prepared(lambda pk: Issuance.objects.only("state").filter(pk=pk).order_by(), Issuance._meta.pk)


def claimed_order(pk: int, epoch: int) -> AcmeOrder | None:
    """Return the order with all that a walk looks at, None when another worker has claimed it since.

    By the epoch of the claim: read by its key alone, a row that another has claimed would look like ours.
    """
    return next(iter(_claimed(pk, epoch)), None)


def authorizations_of(order: AcmeOrder) -> list[Authorization]:
    """Return the order's authorizations with their challenges."""
    rows = _authorizations(order.pk)
    if not rows:
        return []
    challenges = _challenges(order.pk)
    for row in rows:
        mine: Any = row.challenges.all()
        # As prefetch_related leaves it: what is read is kept, what is filtered further asks the database.
        mine._result_cache = [one for one in challenges if one.authorization_id == row.pk]
        mine._prefetch_done = True
        row._prefetched_objects_cache = {"challenges": mine}  # type: ignore[attr-defined]
        for challenge in mine:
            challenge.authorization = row
    return rows


def is_wanted(issuance: Issuance) -> bool:
    """Read anew whether the certificate is still wanted."""
    return any(row.state == Issuance.State.WANTED for row in _state(issuance.pk))
