"""Which CA fulfils an order: the product's accounts in their order, the next one where the present one is held up.

Moved is only what no CA has been given a CSR for: from finalize on there is one CA that may sign, and we wait for it. Key
and CSR stay the same; the other CA wants challenges of its own, so a customer who has published is not bothered soon.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from accounts.mail import write
from audit.vocabulary import Action
from certificates.held_up import MOVED, moved_text
from certificates.issuance import approvals, breaker, closing, holding, limits, operators, stopping, uses
from certificates.issuance.problems import ours
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, CaAccount
from identifiers.names import Name
from leases import ring
from orders.models.product import Level
from validation import caa, delegation
from validation.models import Authorization

# Who has shown names already would have to publish anew: only a CA that is out for long is worth that.
SHOWN = timedelta(hours=1)
# A CA that an issuance has left is not asked for it again so soon.
LEFT_FOR = timedelta(days=1)
AT_ONCE = 8


def leave_disabled(walk: Walk) -> Done | None:
    """The account was disabled before the CA was asked: take the product's next one, or wait for an operator."""
    order, was = walk.order, walk.order.account.name
    if walk.issuance.campaign_id is not None:
        text = "The CA account is disabled, and the orders of a mass reissue go to no other one. Enable it, or cancel the reissue."
        return operators.needs_operator(walk, ours("no_account", text, walk.now))
    other = next(candidates(walk), None) or _any_enabled(walk)
    if other is None:
        text = "The CA account is disabled, and no other one can fulfil this product and is allowed by the names' CAA records."
        return operators.needs_operator(walk, ours("no_account", text, walk.now))
    with transaction.atomic():
        uses.release(walk)
        order.write(account=other, intent_at=None)
        walk.note(Action.CA_SWITCHED, why="disabled", was=was, now_at=other.name)
    walk.connector = None
    return None


def _any_enabled(walk: Walk) -> CaAccount | None:
    """Return an account that has troubles of its own: waiting there is better than nowhere. But CAA records do not pass."""
    others = CaAccount.objects.for_product(walk.issuance.plan.product).exclude(pk=_house(walk))
    return next((account for account in others if caa_allows(walk, account)), None)


def after_limit(walk: Walk, slot: datetime) -> Done | None:
    """Move on if the next slot is far away; None to wait for it."""
    wait = slot - walk.now
    far = wait >= timedelta(seconds=settings.CA_LIMIT_WAIT_SECONDS)
    return move(walk, "limit", wait) if far else None


def after_outage(walk: Walk, down_for: timedelta) -> Done | None:
    """Move on if the CA is known to have been down for long; None to wait for it."""
    long = down_for >= timedelta(seconds=settings.CA_OUTAGE_SECONDS)
    return move(walk, "outage", down_for) if long else None


def after_trouble(walk: Walk, done: Done) -> Done:
    """A request has failed, and `done` says when it is made again: move on where that takes too long."""
    told = done.values["problem"]
    moved = None
    if told["type"] == holding.RATE_LIMITED and done.due_at is not None:
        moved = after_limit(walk, done.due_at)
    # What this order itself has met so far counts, now that the CA has just failed it once more; and what the CA says.
    away = done.due_at - walk.now if done.due_at is not None and "retry_at" in told else timedelta(0)
    return moved or after_outage(walk, max(_waited(told, walk.now), away)) or done


def after_looking(walk: Walk) -> Done | None:
    """Move on if the CA looks at names that are in place without coming to a verdict; None to go on waiting."""
    rows = [row for row in walk.authorizations() if row.status == Authorization.Status.PENDING]
    since = max((at for row in rows if (at := row.shown_at or row.insisted_at)), default=None)
    if since is None or walk.issuance.plan.product.level != Level.DV:
        return None
    long = timedelta(seconds=settings.CA_LOOKING_SECONDS)
    return move(walk, "looking", max(walk.now - since, SHOWN)) if walk.now - since >= long else None


def _waited(problem: dict[str, Any] | None, now: datetime) -> timedelta:
    since = (problem or {}).get("since")
    return now - datetime.fromisoformat(since) if since else timedelta(0)


def move(walk: Walk, why: str, held_up_for: timedelta) -> Done | None:
    """Close this try and open the next one at another CA; None where there is no other, or nobody would be served by it."""
    if walk.order.finalizing_at is not None or walk.issuance.campaign_id is not None:
        return None
    if held_up_for < SHOWN and shown(walk) and not answers_any_ca(walk):
        return None
    other = next(candidates(walk), None)
    return _move_to(walk, other, why) if other is not None else None


def answers_any_ca(walk: Walk) -> bool:
    """True if the customer has set up once what answers any CA: moving on then asks nothing of them."""
    return delegation.answers(walk.owner, walk.names)


def shown(walk: Walk) -> bool:
    """True if the customer has shown a name at this CA, for this or an earlier try of the issuance."""
    mine = Authorization.objects.filter(
        acme_orders__issuance=walk.issuance, acme_orders__account=walk.order.account_id
    )
    seen = Q(shown_at__isnull=False) | Q(insisted_at__isnull=False)
    waiting = Q(status=Authorization.Status.PENDING) & seen
    return mine.filter(waiting | Q(status=Authorization.Status.VALID)).exists()


def candidates(walk: Walk) -> Any:
    """Yield the product's other accounts that can take an order now, first choice first."""
    now = walk.now
    issuance = walk.issuance
    left = issuance.acme_orders.filter(problem__type=MOVED, ended_at__gt=now - LEFT_FOR)
    gone = {house or own for own, house in left.values_list("account_id", "account__parent_id")}
    for account in CaAccount.objects.for_product(issuance.plan.product).exclude(pk=_house(walk)):
        if account.pk in gone or account.paused_at is not None or breaker.resting_until(account, now):
            continue
        slot = limits.next_slot(account, walk.names, "", now)
        if slot is not None and slot - now >= timedelta(seconds=settings.CA_LIMIT_WAIT_SECONDS):
            continue
        if caa_allows(walk, account):
            yield account


def _house(walk: Walk) -> Any:
    return walk.order.account.parent_id or walk.order.account_id


def caa_allows(walk: Walk, account: CaAccount) -> bool:
    """True unless a CAA record keeps this CA from issuing, to this account by the chosen methods (RFC 8659, RFC 8657).

    A lookup that fails says nothing: the CA looks too.
    """
    issuers, url = account.caa_names(), _url_for(walk, account)
    # CAA speaks of domain names only (RFC 8659 §3).
    names = [
        (name, method) for name, method in zip(walk.names, _methods(walk), strict=True) if not name.is_ip
    ]
    if not issuers:
        return True
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        for first in range(0, len(names), AT_ONCE):
            walk.keep_hold()
            some = names[first : first + AT_ONCE]
            asked = pool.map(lambda pair: _permits(pair[0], pair[1], issuers, url), some)
            if not all(list(asked)):
                return False
    return True


def _url_for(walk: Walk, account: CaAccount) -> str | None:
    """Return the account's URL as this customer's order would have it, None where it is not opened yet."""
    if account.per_customer:
        own = CaAccount.objects.filter(parent=account, customer=walk.owner).first()
        return own.account_url or None if own is not None else None
    return account.account_url or None


def _methods(walk: Walk) -> list[str | None]:
    """Return how each name is shown. What answers for one shown by Email, or set up once, is not known beforehand."""
    entries = walk.issuance.names
    ways = delegation.standing_ways(walk.owner, [entry["ascii"] for entry in entries])
    once = {identifier for identifier, _way in ways}
    return [
        None if approvals.by_email(entry) or entry["ascii"] in once else entry["method"] for entry in entries
    ]


def _permits(name: Name, method: str | None, issuers: Sequence[str], url: str | None) -> bool:
    return caa.permits(name.ascii, name.wildcard, issuers, account_url=url, method=method).allowed


def _move_to(walk: Walk, other: CaAccount, why: str) -> Done | None:
    order, issuance, now = walk.order, walk.issuance, walk.now
    rows = [row.pk for row in walk.authorizations() if not closing.used_elsewhere(walk, row)]
    published = bool(rows) and not answers_any_ca(walk)
    problem = ours(MOVED.removeprefix("chancery:"), moved_text(published=published), now)
    with transaction.atomic():
        walk.hold()
        if not stopping.still_wanted(walk):
            return None
        order.write(
            status=AcmeOrder.Status.INVALID,
            ended_at=now,
            problem=problem | {"why": why, "to": str(other.pk), "published": published},
            waiting_for=AcmeOrder.WaitingFor.NOBODY,
            tries=0,
        )
        uses.release(walk)
        # They stay pending until they are given back; a look that is under way must not bring them back to life.
        Authorization.objects.filter(pk__in=rows).update(due_at=None, lease_until=None, epoch=F("epoch") + 1)
        AcmeOrder.objects.create(
            issuance=issuance, account=other, attempt=order.attempt + 1, created_at=now, due_at=now
        )
        walk.note(Action.CA_SWITCHED, why=why, was=order.account.name, now_at=other.name)
        if published:
            _tell(walk)
        ring()
    # The next walk of this row gives back what the CA holds, when it answers again.
    return Done(now if rows else None)


def _tell(walk: Walk) -> None:
    plan = walk.issuance.plan
    write(
        "ca_moved",
        to=plan.owner.email,
        occasion=f"moved:{walk.order.pk}",
        now=walk.now,
        context={"plan": plan, "names": walk.issuance.texts},
        plan_id=plan.pk,
    )
