"""One plan with what its page shows and no more, read with queries that are built once."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import OuterRef, Subquery

from certificates.models import AcmeOrder, ActivationName, Certificate, Inspection, Issuance
from certificates.standing import (
    KEPT_CERTIFICATES,
    KEPT_ISSUANCES,
    KEPT_NAMES,
    KEPT_ORDERS,
    certificates_of,
    wanted_issuance,
)
from leases.prepared import Prepared
from orders.models import Plan
from orders.models.order import OrderName

_PLAN: Any = Plan._meta.pk

_plan = Prepared(
    lambda pk, owner: (
        Plan.objects.of(owner)
        .filter(pk=pk)
        .select_related("product", "item__order", "activation")
        .only(
            "item", "owner", "product", "state", "years", "starts_at", "ends_at", "product__title", "item__order__number",
            "activation__plan", "activation__csr_source", "activation__csr_done_at", "activation__contacts_done_at",
            "activation__methods_done_at", "activation__finished_at", "activation__automatic",
        )
        .order_by()
    ),
    _PLAN,
    Plan._meta.get_field("owner"),
)  # fmt: skip
_issuances = Prepared(
    lambda plan: (
        Issuance.objects.filter(plan=plan)
        .only("plan", "kind", "state", "names", "created_at", "ended_at")
        .order_by("created_at")
    ),
    _PLAN,
)
_certificates = Prepared(
    lambda plan: (
        Certificate.objects.filter(plan=plan)
        .select_related("revocation", "renewal_info", "issuance__key")
        .only(
            "issuance", "plan", "owner", "state", "names", "serial", "issuer", "fingerprint", "not_before", "not_after",
            "issued_at", "installed_at", "revoked_at", "issuance__key__state", "issuance__key__destroyed_at",
            "revocation__certificate", "revocation__reason", "revocation__asked_at", "revocation__done_at",
            "revocation__refused_at", "renewal_info__certificate", "renewal_info__window_end",
            "renewal_info__reissue_at", "renewal_info__problem",
        )
        .order_by("-issued_at")
    ),
    _PLAN,
)  # fmt: skip
_orders = Prepared(
    lambda issuance: AcmeOrder.objects.filter(issuance=issuance).order_by("attempt"), Issuance._meta.pk
)
_chosen_names = Prepared(
    lambda plan: ActivationName.objects.filter(activation__plan=plan).order_by("position", "pk"), _PLAN
)
_ordered_names = Prepared(
    lambda plan: OrderName.objects.filter(item__plan=plan).order_by("position", "pk"), _PLAN
)
_inspections = Prepared(
    lambda certificate: Inspection.objects.filter(
        certificate=certificate,
        at=Subquery(
            Inspection.objects.filter(certificate=OuterRef("certificate")).order_by("-pk").values("at")[:1]
        ),
    ).order_by("pk"),
    Certificate._meta.pk,
)


def own_plan(plan_id: uuid.UUID, owner_id: uuid.UUID) -> Plan | None:
    """Return the person's plan with all that its standing is told from, None for anybody else's.

    The names and the orders at the CA are read only where they are looked at: before the first certificate, and while
    one is wanted.
    """
    plan = next(iter(_plan(plan_id, owner_id)), None)
    if plan is None:
        return None
    kept: dict[str, Any] = plan.__dict__
    kept[KEPT_ISSUANCES] = _issuances(plan_id)
    kept[KEPT_CERTIFICATES] = _certificates(plan_id)
    wanted = wanted_issuance(plan)
    if wanted is not None:
        wanted.__dict__[KEPT_ORDERS] = _orders(wanted.pk)
    if not certificates_of(plan):
        plan.item.__dict__[KEPT_NAMES] = _ordered_names(plan_id)
        activation = getattr(plan, "activation", None)
        if activation is not None:
            activation.__dict__[KEPT_NAMES] = _chosen_names(plan_id)
    return plan


def last_inspections(certificate: Certificate) -> list[Inspection]:
    """Return what the last test of the installation found, in its order."""
    return _inspections(certificate.pk)
