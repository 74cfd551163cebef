"""What every walk reads, several times for each certificate, as queries that are built once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, Model, OuterRef

from certificates.models import AcmeOrder, Activation, ActivationName, CaAccount, Issuance
from leases.prepared import Prepared
from orders.models import Plan, Product
from validation.models import Authorization, Challenge

_ORDER_KEY: Any = AcmeOrder._meta.pk
_EPOCH: Any = AcmeOrder._meta.get_field("epoch")

_UNSHOWN = Exists(
    Authorization.objects.pending()
    .filter(acme_orders=OuterRef("pk"), shown_at__isnull=True, insisted_at__isnull=True)
    .order_by()
)

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
_PLAN_KEY: Any = Plan._meta.pk
_running = Prepared(
    lambda plan: Issuance.objects.filter(plan_id=plan, state=Issuance.State.WANTED).order_by()[:1], _PLAN_KEY
)
_activation = Prepared(lambda plan: Activation.objects.filter(plan_id=plan).order_by(), _PLAN_KEY)
_names = Prepared(
    lambda activation: ActivationName.objects.filter(activation_id=activation), Activation._meta.pk
)
_accounts = Prepared(lambda product: CaAccount.objects.for_product(product)[:1], Product._meta.pk)
# What may have been written between a walk's reading and its letting go.
_meanwhile = Prepared(
    lambda pk: AcmeOrder.objects.filter(pk=pk).order_by().values_list("issuance__state", _UNSHOWN), _ORDER_KEY
)


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
        attach(row, [one for one in challenges if one.authorization_id == row.pk])
    return rows


def attach(row: Authorization, challenges: list[Challenge]) -> None:
    """Give the authorization its challenges."""
    _prefetched(row, "challenges", challenges)
    for challenge in challenges:
        challenge.authorization = row


def _prefetched(row: Model, name: str, found: list[Any]) -> None:
    """Leave what belongs to a row as prefetch_related does: what is read is kept, what is filtered further asks anew."""
    mine: Any = getattr(row, name).all()
    mine._result_cache = found
    mine._prefetch_done = True
    kept: dict[str, Any] = row.__dict__.setdefault("_prefetched_objects_cache", {})
    kept[name] = mine


@dataclass
class Meanwhile:
    """What stands in the rows now."""

    is_wanted: bool
    all_shown: bool


def meanwhile(order: AcmeOrder) -> Meanwhile:
    """Read anew whether the certificate is still wanted, and whether every name that waits was seen in place."""
    state, unshown = _meanwhile(order.pk)[0]
    return Meanwhile(is_wanted=state == Issuance.State.WANTED, all_shown=not unshown)


def running_issuance(plan: Plan) -> Issuance | None:
    """Return the plan's issuance that is wanted; there is one at most."""
    return _running.first(plan.pk)


def activation_of(plan: Plan) -> Activation | None:
    """Return how the plan is configured, with its names."""
    found = _activation.first(plan.pk)
    if found is not None:
        found.plan = plan
        _prefetched(found, "names", _names(found.pk))
    return found


def first_account(product: Product) -> CaAccount | None:
    """Return the product's first choice of a CA account."""
    return _accounts.first(product.pk)
