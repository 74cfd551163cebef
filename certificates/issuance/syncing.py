"""Copies what the CA says into our rows."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from certificates.connectors.base import AuthorizationFacts, AuthorizationStatus, OrderFacts, OrderStatus
from certificates.issuance.problems import as_json
from certificates.models import AcmeOrder, CaUse, LimitKind
from leases.inserts import insert
from leases.updates import update
from validation.models import Authorization, Challenge


def sync_order(order: AcmeOrder, facts: OrderFacts) -> None:
    """Take over the CA's status, to be stored with what follows from it: until then the CA would say it again.

    A word that no CA may use leaves ours as it is.
    """
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
        order.keep(**values)


def _count_failure(row: Authorization) -> None:
    """The CA has just found the name not shown: that is one of the failures it allows. Counted once, by the row's change."""
    still_open = Authorization.objects.pending().select_for_update().filter(pk=row.pk)
    account = AcmeOrder.objects.filter(authorizations=row).values_list("account_id", flat=True).first()
    if account is not None and still_open.values_list("pk", flat=True).first() is not None:
        insert(CaUse, account_id=account, kind=LimitKind.FAILURES, subject=row.identifier, at=timezone.now())


def sync_authorization(row: Authorization, facts: AuthorizationFacts) -> None:
    """Take over status and the challenges' problems; a finished authorization needs no more looks.

    Only if the row still says what was read: a worker whose order went to another meanwhile has heard old news, and
    takes over what is stored instead.
    """
    if facts.status is AuthorizationStatus.UNKNOWN:
        return
    problem = next((c.problem for c in facts.challenges if c.problem is not None), None)
    values: dict[str, object] = {"status": facts.status.value, "expires_at": facts.expires}
    if problem is not None:
        values["problem"] = as_json(problem, timezone.now())
    if facts.status is not AuthorizationStatus.PENDING:
        values |= {"due_at": None, "lease_until": None}
    as_read = {"pk": row.pk, "status": row.status}
    if facts.status is AuthorizationStatus.INVALID:
        with transaction.atomic():
            _count_failure(row)
            written = update(Authorization, as_read, **values)
    else:
        written = update(Authorization, as_read, **values)
    if written != 1:
        row.refresh_from_db(fields=[*values])
        return
    for name, value in values.items():
        setattr(row, name, value)
    _sync_challenges(row, facts)


def _sync_challenges(row: Authorization, facts: AuthorizationFacts) -> None:
    """Most have the same status and no problem: those are one statement."""
    quiet: dict[str, list[str]] = {}
    for challenge in facts.challenges:
        status = challenge.status.value
        if status not in Challenge.Status.values:
            continue
        if challenge.problem is None:
            quiet.setdefault(status, []).append(challenge.url)
        else:
            told = as_json(challenge.problem, timezone.now())
            update(Challenge, {"authorization": row, "url": challenge.url}, status=status, problem=told)
    for status, urls in quiet.items():
        update(Challenge, {"authorization": row, "url": urls}, status=status, problem=None)
