"""A pending order: wait until every name is shown, then ask the CA to look (RFC 8555 §7.5.1)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from audit.vocabulary import Action
from certificates.connectors.base import AuthorizationStatus, ChallengeStatus
from certificates.connectors.problems import OperatorMustAct
from certificates.issuance import approvals, choosing, expiring, pace, pausing, proving, sharing, waits
from certificates.issuance.problems import ours
from certificates.issuance.syncing import sync_authorization, sync_order
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder
from leases.prepared import Prepared
from leases.updates import update
from validation import ledger
from validation.models import Authorization, Challenge

# After so many unchanged answers the authorizations themselves are asked: some CAs leave the order pending.
POLLS_BEFORE_DOUBT = 8
STILL_THERE = timedelta(minutes=30)

_METHOD: Any = Authorization._meta.get_field("method")
_same = Prepared(
    lambda pk, method: (
        Authorization.objects.select_for_update()
        .pending()
        .filter(pk=pk, method=method)
        .order_by()
        .values_list("pk", flat=True)
    ),
    Authorization._meta.pk,
    _METHOD,
)


def answer_or_wait(walk: Walk) -> Done | None:
    order = walk.order
    if order.answered_at is not None:
        # A proof withdrawn by now is noticed when the ledger is asked before finalize.
        return poll_until_ready(walk)
    in_vain = shown_in_vain(walk)
    if in_vain:
        return sharing.afresh_to_show(walk, in_vain)
    now = walk.now
    pending = [row for row in walk.authorizations() if row.status == Authorization.Status.PENDING]
    ends = [moment for moment in (order.expires_at, *(row.expires_at for row in pending)) if moment]
    if ends and min(ends) <= now:
        return expiring.end(walk)
    for row in pending:
        if row.challenge() is None:
            return method_not_offered(walk, row)
    unapproved = approvals.wait(walk)
    if unapproved is not None:
        return unapproved
    for row in pending:
        if row.insisted_at is None and row.shown_at is not None and now - row.shown_at > STILL_THERE:
            # The other names took long: make sure this one was not tidied away meanwhile.
            row.look_again(now)
            row.shown_at = None
    if not all(row.shown_at or row.insisted_at for row in pending):
        return wait_for_customer(walk, min(ends, default=None))
    return answer_all(walk, pending)


def shown_in_vain(walk: Walk) -> list[str]:
    """Return the names whose proof was withdrawn since they were asked for: showing them here leads to nothing."""
    rows = ledger.shows_in_vain(walk.authorizations())
    return [row.text for row in proving.unproven(walk) if row in rows] if rows else []


def is_the_customers(walk: Walk) -> bool:
    """True while the CA has nothing to do, since a name is not shown yet."""
    if walk.order.url is None or walk.order.status != AcmeOrder.Status.PENDING or walk.order.answered_at:
        return False
    pending = [row for row in walk.authorizations() if row.status == Authorization.Status.PENDING]
    return walk.authorizations_known() and not all(row.shown_at or row.insisted_at for row in pending)


def wait_for_customer(walk: Walk, ends: datetime | None) -> Done:
    due = waits.customer(walk.now, walk.order.created_at, walk.order.pk)
    # Nothing was asked of the CA just now, so trouble with it is not known to be over.
    trouble = walk.order.problem if "failures" in (walk.order.problem or {}) else None
    return Done(
        min(due, ends) if ends else due,
        until_shown=True,
        waiting_for=AcmeOrder.WaitingFor.CUSTOMER,
        problem=trouble,
    )


def method_not_offered(walk: Walk, row: Authorization) -> Done:
    text = _(
        "The certificate authority does not offer %(method)s for %(name)s. Please choose another method."
    )
    problem = ours(
        "method_not_offered", text % {"method": row.get_method_display(), "name": row.text}, walk.now
    )
    return Done(walk.now + waits.CUSTOMER, waiting_for=AcmeOrder.WaitingFor.CUSTOMER, problem=problem)


def answer_all(walk: Walk, pending: list[Authorization]) -> Done | None:
    """Answer every challenge once; which were answered is committed one by one, before each call."""
    for row in pending:
        challenge = row.challenge()
        if challenge is None:
            return method_not_offered(walk, row)
        # It may have been answered before a crash, or have ended meanwhile: a second answer is refused.
        doubtful = challenge.answered_at is not None or row.insisted_at is not None or _is_old(walk, row)
        if doubtful and not _still_open(walk, row, challenge):
            continue
        if not _intend(walk, row, challenge):
            walk.forget()
            return None
        answer(walk, row, challenge)
    with transaction.atomic():
        walk.order.write(answered_at=walk.now, waiting_for=AcmeOrder.WaitingFor.CA, problem=None)
        walk.note(Action.CA_ANSWERED, names=[row.text for row in pending])
    return pausing.after(walk, pace.ANSWERED) if pending else None


def _is_old(walk: Walk, row: Authorization) -> bool:
    return (walk.now - row.created_at).total_seconds() > 3600


def _still_open(walk: Walk, row: Authorization, challenge: Challenge) -> bool:
    """Ask the CA whether this challenge still waits for an answer."""
    facts = walk.ca.authorization(row.url)
    sync_authorization(row, facts)
    if facts.status is not AuthorizationStatus.PENDING:
        return False
    busy = {ChallengeStatus.PROCESSING, ChallengeStatus.VALID, ChallengeStatus.INVALID}
    return not any(known.url == challenge.url and known.status in busy for known in facts.challenges)


def _intend(walk: Walk, row: Authorization, challenge: Challenge) -> bool:
    """Commit that the CA is about to be told; False when the customer has chosen another method meanwhile."""
    with transaction.atomic():
        walk.hold()
        # Held until the commit: who chooses another method looks up under the same lock whether it was answered.
        if not _same(row.pk, row.method):
            return False
        challenge.answered_at = walk.now
        update(Challenge, {"pk": challenge.pk}, answered_at=challenge.answered_at)
    return True


def answer(walk: Walk, row: Authorization, challenge: Challenge) -> None:
    """Tell the CA to look. One that refuses because it has looked already is no trouble."""
    try:
        walk.ca.answer(challenge.url)
    except OperatorMustAct:
        if _still_open(walk, row, challenge):
            raise


def poll_until_ready(walk: Walk) -> Done | None:
    """Ask for the order's state; go on at once when it changed."""
    order, tries = walk.order, walk.order.tries
    facts = walk.ca.order(order.url or "")
    sync_order(order, facts)
    done = order.status != AcmeOrder.Status.PENDING
    pausing.looked(walk, pace.ANSWERED, order.answered_at, done=done, tries=tries)
    if done:
        return None
    moved = choosing.after_looking(walk)
    if moved is not None:
        return moved
    if order.tries >= POLLS_BEFORE_DOUBT and order.tries % POLLS_BEFORE_DOUBT == 0 and not doubt(walk):
        return None
    due = waits.next_poll(facts.retry_at, walk.now, order.tries)
    return Done(due, waiting_for=AcmeOrder.WaitingFor.CA, tries=order.tries + 1)


def doubt(walk: Walk) -> bool:
    """The order stays pending: ask about each name. False when that has changed what to do next."""
    order, unheard = walk.order, False
    for row in walk.authorizations():
        walk.keep_hold()
        sync_authorization(row, walk.ca.authorization(row.url))
    walk.forget()
    rows = walk.authorizations()
    if any(row.status not in {Authorization.Status.PENDING, Authorization.Status.VALID} for row in rows):
        order.write(status=AcmeOrder.Status.INVALID)
        return False
    for row in rows:
        challenge = row.challenge()
        pending = row.status == Authorization.Status.PENDING
        unheard = unheard or (pending and (challenge is None or challenge.status == Challenge.Status.PENDING))
    if unheard:
        # The CA never heard our answer, or forgot it: answer again, and count on, so that the waits go on growing.
        order.write(answered_at=None, tries=order.tries + 1)
    return not unheard
