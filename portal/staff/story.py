"""The whole story of one plan: every row from the order to the certificate, in a fixed number of queries."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Prefetch, Q

from accounts.models import Letter
from audit.timeline import Moment
from audit.timeline import story as timeline
from certificates.models import AcmeOrder, Certificate, Inspection, Issuance
from certificates.standing import Standing, names_of, standing_of
from identifiers.names import Name
from orders.models import Payment, Plan, Refund
from portal.staff.proofs import NameStory, names_of_plan
from validation.models import Authorization, Challenge, Probe

PROBES_SHOWN = 25
INSPECTIONS_SHOWN = 5
LETTERS_SHOWN = 100


@dataclass(frozen=True)
class Story:
    """`running` is the issuance that is wanted now; `last` its newest order at a CA."""

    plan: Plan
    standing: Standing
    names: list[Name]
    proofs: list[NameStory]
    payments: list[Payment]
    issuances: list[Issuance]
    letters: list[Letter]
    moments: list[Moment] = field(repr=False)
    running: Issuance | None
    last: AcmeOrder | None

    @property
    def may_look_again(self) -> bool:
        """True while an order is open: there is something to look at."""
        return self.last is not None and self.last.status not in {
            AcmeOrder.Status.VALID,
            AcmeOrder.Status.INVALID,
        }

    @property
    def may_try_again(self) -> bool:
        """True once the CA has given its verdict on the last order (RFC 8555 §7.1.6: invalid is final)."""
        return self.last is not None and self.last.status == AcmeOrder.Status.INVALID


def story_of(plan_id: uuid.UUID, now: datetime) -> Story | None:
    """Return everything about the plan, None when there is no such plan."""
    plan = _plan(plan_id)
    if plan is None:
        return None
    order_id = plan.item.order_id
    issuances = sorted(plan.issuances.all(), key=lambda row: row.created_at, reverse=True)
    running = next((row for row in issuances if row.state == Issuance.State.WANTED), None)
    orders = list(running.acme_orders.all()) if running else []
    return Story(
        plan=plan,
        standing=standing_of(plan, now),
        names=[Name.of(text) for text in names_of(plan)],
        proofs=names_of_plan(plan, running, now),
        payments=list(
            Payment.objects.filter(order_id=order_id)
            .order_by("attempt")
            .prefetch_related(Prefetch("refunds", Refund.objects.order_by("created_at")))
        ),
        issuances=issuances,
        letters=list(
            Letter.objects.filter(Q(plan_id=plan_id) | Q(order_id=order_id, plan_id__isnull=True))
            .defer("body")
            .order_by("-pk")[:LETTERS_SHOWN]
        ),
        moments=timeline(plan_id, order_id),
        running=running,
        last=max(orders, key=lambda row: row.attempt) if orders else None,
    )


def _plan(plan_id: uuid.UUID) -> Plan | None:
    probes = Prefetch("probes", Probe.objects.order_by("-pk")[:PROBES_SHOWN], to_attr="last_probes")
    authorizations = Authorization.objects.prefetch_related(
        Prefetch("challenges", Challenge.objects.order_by("pk")), probes
    )
    acme_orders = (
        AcmeOrder.objects.select_related("account")
        .order_by("-attempt")
        .prefetch_related(Prefetch("authorizations", authorizations))
    )
    inspections = Prefetch(
        "inspections", Inspection.objects.order_by("-pk")[:INSPECTIONS_SHOWN], to_attr="last_inspections"
    )
    certificates = (
        Certificate.objects.select_related("revocation__asked_by", "renewal_info")
        .defer("leaf_pem", "chain_pem")
        .prefetch_related(inspections)
    )
    issuances = (
        Issuance.objects.defer("csr")
        .select_related("requested_by")
        .prefetch_related(Prefetch("acme_orders", acme_orders), Prefetch("certificate", certificates))
    )
    related = ("item__order__owner", "item__order__agreement", "product", "owner", "activation")
    return (
        Plan.objects.select_related(*related)
        .prefetch_related(
            Prefetch("issuances", issuances),
            Prefetch(
                "certificates",
                Certificate.objects.select_related("revocation", "renewal_info")
                .defer("leaf_pem", "chain_pem")
                .order_by("issued_at"),
            ),
            "activation__names",
            "item__names",
        )
        .filter(pk=plan_id)
        .first()
    )
