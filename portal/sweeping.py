"""Looks for due rows of every kind and hands each to its process. Any number of sweeps may run at once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.mail import deliver
from accounts.models import Letter
from audit import chain
from certificates import reminding
from certificates.campaigns import engine as campaigning
from certificates.issuance import advance, limits, permitting
from certificates.issuance.waking import wake_needing
from certificates.models import AcmeOrder, Campaign, RenewalInfo, Revocation
from certificates.renewal import engine as renewing
from certificates.renewal.opening import open_missing
from certificates.revocation import revoke
from leases import LeaseLost, looking
from orders.drafts import forget_stale
from orders.queues import QUEUES as SHOP_QUEUES
from portal.listing import Lists
from portal.logs.whose import about_row
from portal.metrics.seen import counting_claim
from portal.metrics.tallies import bring_up_to_date
from validation import delegation, probing
from validation.approval import asking
from validation.models import Approval, Authorization, Delegation, Publication

log = logging.getLogger(__name__)

Work = Callable[[Any, datetime], Any]


def look(authorization: Authorization, now: datetime) -> None:
    """Look at the customer's side; what is in place wakes the orders that wait for it."""

    def wake() -> None:
        wake_needing(authorization, timezone.now())

    # With the finding, so that a worker killed here has not told one without the other; and again after it, for an
    # order that was just letting go and could not see the finding yet.
    if probing.look(authorization, now, wake, permitting.refusal).in_place:
        wake()


QUEUES: dict[str, tuple[Any, Work]] = {
    **SHOP_QUEUES,
    "acme_orders": (AcmeOrder.objects, advance),
    "authorizations": (Authorization.objects, look),
    "delegations": (Delegation.objects, delegation.look),
    "publications": (Publication.objects, delegation.tend),
    "approvals": (Approval.objects, asking.send),
    "letters": (Letter.objects, deliver),
    "renewals": (RenewalInfo.objects, renewing.look),
    "campaigns": (Campaign.objects, campaigning.go_on),
    "revocations": (Revocation.objects, revoke),
}


def sweep(
    limit: int = 500, lists: Lists | None = None, before_each: Callable[[Lists], object] = lambda lists: None
) -> int:
    """Work until nothing is due or `limit` rows were worked; return how many.

    Threads that sweep at once share `lists`. `before_each` is called with them before a row is worked.
    """
    lists, done = lists or Lists(QUEUES), 0
    while done < limit and (claimed := lists.claim()) is not None:
        before_each(lists)
        work_at(*claimed)
        done += 1
    return done


def work_one(name: str) -> bool:
    """Claim and work one due row of this queue; False when there was none."""
    row = QUEUES[name][0].claim_next(timezone.now())
    if row is not None:
        work_at(name, row)
    return row is not None


def work_at(name: str, row: Any) -> None:
    """Work a claimed row. Whatever it raises, the sweep goes on."""
    work = QUEUES[name][1]
    with about_row(name, row), counting_claim(name, row) as claim:
        try:
            work(row, timezone.now())
        except LeaseLost:
            claim.ended = "lost"
            log.info("%s %s went to another worker", name, row.pk)
        except Exception:
            claim.ended = "failed"
            # The lease lapses by itself and the row is tried again; nothing else waits for it meanwhile.
            log.exception("%s %s failed", name, row.pk)


def next_due() -> datetime | None:
    """Return when the next row falls due, None when nothing waits."""
    return looking.next_due(rows.model for rows, _work in QUEUES.values())


def tidy(now: datetime) -> None:
    """Do what time alone has made ripe: reminders, expiry, ended plans, memory to be sealed, drafts to be forgotten."""
    for work in TIDYING:
        try:
            work(now)
        except Exception:
            log.exception("%s failed", work.__name__)


def seal_memory(now: datetime) -> None:
    while chain.seal(now):
        pass


TIDYING: list[Callable[[datetime], object]] = [
    reminding.expire,
    reminding.end_plans,
    open_missing,
    reminding.remind,
    seal_memory,
    bring_up_to_date,
    forget_stale,
    limits.forget,
]
