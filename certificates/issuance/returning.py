"""After the end of an issuance, or its move to another CA: what it holds at the CA is handed back, so that nobody inherits it (design §5.1)."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from certificates.connection import connect
from certificates.connectors.base import Connector
from certificates.connectors.problems import CaError, RetryAt, TryAgain
from certificates.issuance import approvals, breaker, proving, uses, waits
from certificates.issuance.syncing import sync_authorization
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder
from certificates.sealing import CannotUnseal
from leases.prepared import Prepared
from leases.updates import update
from validation.models import Authorization


def give_back(walk: Walk) -> Done:
    """Deactivate the open authorizations of this issuance, and on a shared account the valid ones too, then end."""
    order = walk.order
    if order.ended_at is None:
        with transaction.atomic():
            order.write(ended_at=walk.now, tries=0)
            uses.release(walk)
    leftover = _leftover(walk)
    rests = breaker.resting_until(order.account, walk.now) if leftover else None
    if rests is not None:
        return Done(rests)
    if leftover and not order.account.stands_still and order.tries < len(waits.RETRIES):
        try:
            connector = walk.connector or connect(order.account)
            for row in leftover:
                walk.keep_hold()
                return_one(connector, row)
        except (TryAgain, RetryAt) as error:
            due = waits.at_or(error.retry_at, walk.now, waits.retry(order.tries))
            return Done(due, tries=order.tries + 1)
        except (CaError, CannotUnseal):
            pass  # without an account there is nothing to give back: the ledger stands before a stranger anyway
    looked_at = [row.pk for row in leftover if row.due_at is not None or row.lease_until is not None]
    update(Authorization, {"pk": looked_at}, due_at=None, lease_until=None)
    status = order.status if order.status == AcmeOrder.Status.VALID else AcmeOrder.Status.INVALID
    return Done(None, status=status, waiting_for=AcmeOrder.WaitingFor.NOBODY)


def return_one(connector: Connector, row: Authorization) -> bool:
    """Deactivate one authorization; False when the CA refuses for certain. Raises TryAgain, RetryAt."""
    try:
        sync_authorization(row, connector.deactivate_authorization(row.url))
    except (TryAgain, RetryAt):
        raise
    except CaError:
        return False
    return row.status != Authorization.Status.VALID


def _leftover(walk: Walk) -> list[Authorization]:
    order = walk.order
    rows = _unneeded(order.issuance_id, order.account_id, order.pk)
    return [row for row in rows if row.status == Authorization.Status.PENDING or _valid_for_others(walk, row)]


def _valid_for_others(walk: Walk, row: Authorization) -> bool:
    """True if another customer could inherit it. What the CA knew beforehand would be lost for the next certificate too."""
    account = walk.order.account
    beforehand = approvals.counts(account, walk.now) and not proving.answered_challenge(row)
    return account.shared and not beforehand


_ISSUANCE: Any = AcmeOrder._meta.get_field("issuance")
_ACCOUNT: Any = AcmeOrder._meta.get_field("account")
_ORDER: Any = AcmeOrder._meta.pk
# Those of earlier orders of this issuance at this CA too: what they had shown was kept for the next one.
_unneeded = Prepared(
    lambda issuance, account, order: (
        Authorization.objects.filter(
            ~Exists(AcmeOrder.objects.open().filter(authorizations=OuterRef("pk")).exclude(pk=order)),
            acme_orders__issuance=issuance,
            acme_orders__account=account,
            status__in=[Authorization.Status.PENDING, Authorization.Status.VALID],
        )
        .distinct()
        .order_by("identifier", "wildcard")
    ),
    _ISSUANCE,
    _ACCOUNT,
    _ORDER,
)
