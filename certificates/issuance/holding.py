"""New orders of an account that are held because the CA has refused one for a limit (RFC 8555 §6.6), so that not each learns it anew.

`rateLimited` is said of an account's limit and of one domain's alike, and nothing but the CA's free text tells them apart.
Taken for the account's, a limit of one customer's domain would stop all others for a week; taken for the domain's, every
order of the account would run into the limit by itself, and CAs punish that. So:

* a text that names the order's own names holds nobody else;
* any other holds the account for SHARED, after which the next order finds out;
* when that one, of other names, is refused too, it is the account's, and the CA's own time holds for all, LONGEST at most;
* an order that is taken after a hold ends the suspicion.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from certificates.connectors.problems import ACME_PREFIX, CaError
from certificates.issuance.walk import Walk
from certificates.models import CaAccount

RATE_LIMITED = ACME_PREFIX + "rateLimited"
SHARED = timedelta(seconds=60)
# One order asks again so often. No longer, also so that a clock that was set back is noticed.
LONGEST = timedelta(hours=1)
MOST_DOMAINS = 100
_WORD = re.compile(r"[a-z0-9_.:-]+")


def held_until(account: CaAccount, now: datetime) -> datetime | None:
    """Return until when no new order is sent, None when one may be. Reads the row as it was fetched."""
    if account.orders_held is None:
        return None
    until = datetime.fromisoformat(account.orders_held["until"])
    return until if now < until <= now + LONGEST else None


def refused(walk: Walk, error: CaError) -> None:
    """newOrder was refused: hold the account's other orders where that was for a limit that may be theirs too."""
    limited = error.typ == RATE_LIMITED or error.status == 429
    if not limited or error.retry_at is None or _speaks_of_names(walk, error):
        return
    account, now = walk.order.account, walk.now
    mine = {name.rate_limit_group for name in walk.names}
    with transaction.atomic():
        rows = CaAccount.objects.filter(pk=account.pk).select_for_update(no_key=True)
        before = _still_said(rows.values_list("orders_held", flat=True).get(), now)
        others = set(before["domains"]) if before else set()
        longest = LONGEST if others and not others & mine else SHARED
        account.orders_held = {
            "until": min(error.retry_at, now + longest).isoformat(),
            "told": error.retry_at.isoformat(),
            "domains": sorted(mine | others)[:MOST_DOMAINS],
        }
        CaAccount.objects.filter(pk=account.pk).update(orders_held=account.orders_held)


def _still_said(held: dict[str, Any] | None, now: datetime) -> dict[str, Any] | None:
    """Return the last refusal if the time that the CA gave with it has not come yet."""
    return held if held is not None and datetime.fromisoformat(held["told"]) > now else None


def _speaks_of_names(walk: Walk, error: CaError) -> bool:
    """True if the CA has named what the limit is of, and that is this order's."""
    mine = {text for name in walk.names for text in (name.ascii, name.rate_limit_group)}
    said = {word.strip(".:-") for word in _WORD.findall(error.detail.lower())}
    return bool(error.subproblems) or bool(mine & said)


def taken(walk: Walk) -> None:
    """The CA has taken an order after the hold: the account's limit is not reached."""
    account = walk.order.account
    if account.orders_held is not None and held_until(account, walk.now) is None:
        account.orders_held = None
        CaAccount.objects.filter(pk=account.pk).update(orders_held=None)
