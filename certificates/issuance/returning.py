"""After the end of an issuance, or its move to another CA: what it holds at the CA is handed back, so that nobody inherits it (design §5.1)."""

from __future__ import annotations

from certificates.connection import connect
from certificates.connectors.base import Connector
from certificates.connectors.problems import CaError, RetryAt, TryAgain
from certificates.issuance import approvals, breaker, proving, waits
from certificates.issuance.closing import used_elsewhere
from certificates.issuance.syncing import sync_authorization
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder
from certificates.sealing import CannotUnseal
from validation.models import Authorization


def give_back(walk: Walk) -> Done:
    """Deactivate the open authorizations of this issuance, and on a shared account the valid ones too, then end."""
    order = walk.order
    if order.ended_at is None:
        order.write(ended_at=walk.now, tries=0)
    leftover = [row for row in _authorizations(walk) if _to_be_returned(walk, row)]
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
    Authorization.objects.filter(pk__in=[row.pk for row in leftover]).update(due_at=None, lease_until=None)
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


def _authorizations(walk: Walk) -> list[Authorization]:
    """Those of earlier orders of this issuance at this CA too: what they had shown was kept for the next one."""
    rows = Authorization.objects.filter(
        acme_orders__issuance=walk.issuance, acme_orders__account=walk.order.account_id
    )
    return list(rows.distinct().order_by("identifier", "wildcard"))


def _to_be_returned(walk: Walk, row: Authorization) -> bool:
    if row.status == Authorization.Status.VALID:
        # What the CA knew beforehand is not this order's: given back, it would be lost for the next certificate too.
        beforehand = approvals.counts(walk.order.account, walk.now) and not proving.answered_challenge(row)
        return walk.order.account.shared and not beforehand and not used_elsewhere(walk, row)
    return row.status == Authorization.Status.PENDING and not used_elsewhere(walk, row)
