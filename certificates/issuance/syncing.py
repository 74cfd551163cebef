"""Copies what the CA says into our rows."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from certificates.connectors.base import AuthorizationFacts, AuthorizationStatus, OrderFacts, OrderStatus
from certificates.issuance.problems import as_json
from certificates.models import AcmeOrder, CaUse, LimitKind
from validation.models import Authorization, Challenge


def sync_order(order: AcmeOrder, facts: OrderFacts) -> None:
    """Take over the CA's status. A word that no CA may use leaves ours as it is. Raises LeaseLost."""
    if facts.status is OrderStatus.UNKNOWN:
        return
    values: dict[str, object] = {}
    if facts.status.value != order.status:
        values |= {"status": facts.status.value, "tries": 0}
    if facts.certificate_url and facts.certificate_url != order.certificate_url:
        values["certificate_url"] = facts.certificate_url
    if facts.finalize_url and facts.finalize_url != order.finalize_url:
        values["finalize_url"] = facts.finalize_url
    if facts.problem is not None:
        values["problem"] = as_json(facts.problem, timezone.now())
    if values:
        order.write(**values)


def _count_failure(row: Authorization) -> None:
    """The CA has just found the name not shown: that is one of the failures it allows. Counted once, by the row's change."""
    still_open = Authorization.objects.pending().select_for_update().filter(pk=row.pk)
    account = AcmeOrder.objects.filter(authorizations=row).values_list("account_id", flat=True).first()
    if account is not None and still_open.values_list("pk", flat=True).first() is not None:
        CaUse.objects.create(
            account_id=account, kind=LimitKind.FAILURES, subject=row.identifier, at=timezone.now()
        )


def sync_authorization(row: Authorization, facts: AuthorizationFacts) -> None:
    """Take over status and the challenges' problems; a finished authorization needs no more looks."""
    if facts.status is AuthorizationStatus.UNKNOWN:
        return
    problem = next((c.problem for c in facts.challenges if c.problem is not None), None)
    row.status = facts.status.value
    row.problem = as_json(problem, timezone.now()) if problem else row.problem
    values: dict[str, object] = {"status": row.status, "problem": row.problem, "expires_at": facts.expires}
    if facts.status is not AuthorizationStatus.PENDING:
        values |= {"due_at": None, "lease_until": None}
    with transaction.atomic():
        if facts.status is AuthorizationStatus.INVALID:
            _count_failure(row)
        Authorization.objects.filter(pk=row.pk).update(**values)
    for challenge in facts.challenges:
        if challenge.status.value in Challenge.Status.values:
            Challenge.objects.filter(authorization=row, url=challenge.url).update(
                status=challenge.status.value,
                problem=as_json(challenge.problem, timezone.now()) if challenge.problem else None,
            )
