"""A pending order: wait until every name is shown, then ask the CA to look (RFC 8555 §7.5.1)."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from audit.vocabulary import Action
from certificates.connectors.base import AuthorizationStatus
from certificates.issuance import closing, waits
from certificates.issuance.problems import ours
from certificates.issuance.syncing import sync_authorization, sync_order
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder
from validation.models import Authorization, Challenge

# After so many unchanged answers the authorizations themselves are asked: some CAs leave the order pending.
POLLS_BEFORE_DOUBT = 8
STILL_THERE = timedelta(minutes=30)


def answer_or_wait(walk: Walk) -> Done | None:
    order = walk.order
    if order.answered_at is not None:
        return poll_until_ready(walk)
    now = walk.now
    if order.expires_at is not None and order.expires_at <= now:
        return closing.start_afresh(walk, ours("order_expired", "The order expired while it waited.", now))
    pending = [row for row in walk.authorizations() if row.status == Authorization.Status.PENDING]
    for row in pending:
        if row.challenge() is None:
            return method_not_offered(walk, row)
    for row in pending:
        if row.insisted_at is None and row.shown_at is not None and now - row.shown_at > STILL_THERE:
            # The other names took long: make sure this one was not tidied away meanwhile.
            row.look_again(now)
            row.shown_at = None
    if not all(row.shown_at or row.insisted_at for row in pending):
        return wait_for_customer(walk)
    return answer_all(walk, pending)


def wait_for_customer(walk: Walk) -> Done:
    now = walk.now
    due = now + waits.CUSTOMER
    if walk.order.expires_at is not None:
        due = min(due, max(walk.order.expires_at, now))
    return Done(due, waiting_for=AcmeOrder.WaitingFor.CUSTOMER, tries=0)


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
        if challenge.answered_at is not None or row.insisted_at is not None or _is_old(walk, row):
            # It may have been answered before a crash, or have ended meanwhile: a second answer is refused.
            facts = walk.ca.authorization(row.url)
            sync_authorization(row, facts)
            if facts.status is not AuthorizationStatus.PENDING:
                continue
        with transaction.atomic():
            walk.hold()
            Challenge.objects.filter(pk=challenge.pk).update(answered_at=walk.now)
        walk.ca.answer(challenge.url)
    with transaction.atomic():
        walk.order.write(answered_at=walk.now, waiting_for=AcmeOrder.WaitingFor.CA, tries=0, problem=None)
        walk.note(Action.CA_ANSWERED, names=[row.text for row in pending])
    walk.forget()
    return None


def _is_old(walk: Walk, row: Authorization) -> bool:
    return (walk.now - row.created_at).total_seconds() > 3600


def poll_until_ready(walk: Walk) -> Done | None:
    """Ask for the order's state; go on at once when it changed."""
    order = walk.order
    facts = walk.ca.order(order.url or "")
    sync_order(order, facts)
    if order.status != AcmeOrder.Status.PENDING:
        return None
    if order.tries >= POLLS_BEFORE_DOUBT and order.tries % POLLS_BEFORE_DOUBT == 0:
        for row in walk.authorizations():
            sync_authorization(row, walk.ca.authorization(row.url))
        dead = [row for row in walk.authorizations() if row.status not in {"pending", "valid"}]
        if dead:
            order.write(status=AcmeOrder.Status.INVALID)
            return None
    due = waits.at_or(facts.retry_at, walk.now, waits.poll(order.tries))
    return Done(due, waiting_for=AcmeOrder.WaitingFor.CA, tries=order.tries + 1)
