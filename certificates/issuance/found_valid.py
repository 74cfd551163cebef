"""A name that the CA calls valid before anybody answered it: the customer's, if their standing record is seen just then.

Some CAs look for standing records by themselves while an order is made, and say no more than "valid"
(draft-ietf-acme-dns-persist, "just in time"). That is a proof only together with a look of our own at a record that
names this customer's own account (docs/decisions/20261124.dns-persist.md). The look is the lookout's; this asks for it.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from certificates.held_up import UNSEEN, unseen_text
from certificates.issuance import evidence, waits
from certificates.issuance.problems import ours
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder
from identifiers import suffixes
from identifiers.names import Name
from validation import delegation, ledger, persisting
from validation.models import Authorization, Delegation, Probe
from validation.models.authorization import Method

# The look has to belong to this very order: what stood earlier may be gone.
FRESH = timedelta(minutes=5)


def record_of(walk: Walk, name: str, wildcard: bool) -> Delegation | None:
    """Return the record that was just seen to give the name to this customer's own account, None if there is none."""
    rows = _covering(walk, name, wildcard)
    return next((row for row in rows if persisting.was_seen(row, walk.now, within=FRESH)), None)


def enter(walk: Walk, row: Authorization) -> bool:
    """Enter the proof of an authorization that the CA calls valid, with the look as its probe; False if nothing shows it."""
    seen = record_of(walk, row.identifier, row.wildcard)
    if seen is None or seen.seen_at is None:
        return False
    with transaction.atomic():
        control = ledger.record_control(
            owner=walk.owner,
            identifier=row.identifier,
            wildcard=row.wildcard,
            method=str(Method.PERSIST),
            authorization=row,
            now=walk.now,
        )
        if control is None:
            return False
        finding = persisting.find_in(seen)
        Probe.objects.get_or_create(
            authorization=row,
            at=seen.seen_at,
            method=str(Method.PERSIST),
            defaults={
                "slug": finding.slug,
                "in_place": True,
                "expected": finding.expected[:500],
                "seen": finding.seen[:500],
                "facts": dict(finding.facts),
            },
        )
    return control.stands(walk.now)


def look_first(walk: Walk, name: str, wildcard: bool) -> Done | None:
    """Have the records that could show this name looked at, and wait for it; None when there is nothing to wait for."""
    rows, now = _covering(walk, name, wildcard), walk.now
    waiting = [row for row in rows if not _was_looked_at(walk, row)]
    for row in waiting:
        if row.asked_at is None or now - row.asked_at > FRESH:
            delegation.ask(row, now)
            row.asked_at = now
    if waiting:
        asked = min(row.asked_at or now for row in waiting)
        return Done(now + max(waits.LOOK, (now - asked) / 2), waiting_for=AcmeOrder.WaitingFor.US)
    if any(row.finding.get("slug") == "delegation_unknown" for row in rows):
        return Done(now + waits.UNSEEN, waiting_for=AcmeOrder.WaitingFor.CA, problem=_unseen(walk, [name]))
    return None


def why_refused(walk: Walk, names: list[str]) -> dict[str, object]:
    """Return the problem that says why "valid" was not enough, and who can change that."""
    if _may_show(walk):
        return _unseen(walk, names)
    text = "A name was valid at the CA without this customer's proof."
    if walk.order.account.house_account.offers_persist and not evidence.is_exclusive(walk):
        text += " " + _(
            "This CA may look for standing records by itself, and customers share this account: such a record proves"
            " the name of nobody. Give each customer an account of their own, or have the record removed."
        )
    return ours("not_this_customer", text, walk.now)


def was_refused_before(walk: Walk) -> bool:
    """True if the order before this one ended because of an unseen record too."""
    before = walk.issuance.acme_orders.filter(attempt=walk.order.attempt - 1)
    return before.filter(problem__type=UNSEEN).exists()


def _unseen(walk: Walk, names: list[str]) -> dict[str, object]:
    problem = ours(UNSEEN.removeprefix("chancery:"), unseen_text(names), walk.now)
    return problem | {"names": names}


def _may_show(walk: Walk) -> bool:
    """True where a standing record says whose the name is: at an account that is one customer's and knows nothing beforehand."""
    offered = walk.order.account.house_account.offers_persist
    return offered and evidence.speaks_for_one(walk) and not evidence.knows_beforehand(walk)


def _covering(walk: Walk, name: str, wildcard: bool) -> list[Delegation]:
    """Return this customer's records that would give the name to this very account: its own, or a parent's with the policy.

    What a parent's record says of the names below it is read from `policy=wildcard` only.
    """
    account = walk.order.account
    if not account.account_url or Name(name).is_ip or not _may_show(walk):
        return []
    rows = Delegation.objects.of(walk.owner).filter(
        kind=Delegation.Kind.PERSIST,
        identifier__in=_upwards(name),
        account_uri=account.account_url,
        issuer__in=account.caa_names(),
    )
    return [row for row in rows if row.wildcard or (row.identifier == name and not wildcard)]


def _upwards(name: str) -> list[str]:
    """Return the name and those above it, up to the domain that somebody can register."""
    top, found = suffixes.registrable(name), [name]
    while found[-1] != top and found[-1].endswith(f".{top}"):
        found.append(found[-1].partition(".")[2])
    return found


def _was_looked_at(walk: Walk, row: Delegation) -> bool:
    """True if a look that was asked for lately is over."""
    if row.asked_at is None or walk.now - row.asked_at > FRESH:
        return False
    return row.due_at is None or row.due_at > row.asked_at
