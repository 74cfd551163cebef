"""An order whose time is over while it waited: whether anybody attended to it says what comes next.

Somebody did: the next one is opened at once, with a letter, since what they noted or published is of no use any more.
Nobody did, and it needs somebody: it rests until its customer comes back, so that an abandoned plan costs a CA nothing.
Nobody has to, since what was set up once proves every name: it is tried again, seldom, and without a letter.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from accounts.mail import write
from audit.models import Entry
from audit.vocabulary import Action
from certificates.held_up import EXPIRED, EXPIRED_UNSEEN, UNATTENDED
from certificates.issuance import closing, uses
from certificates.issuance.problems import ours
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder
from identifiers.names import Name
from validation import delegation
from validation.models import Authorization, Delegation
from validation.models.authorization import Method

# What was set up once was not to be seen for a whole order: a repair takes hours, and nobody presses a button for it.
AGAIN = timedelta(hours=6)
# What a person does about a request; what processes do, and downloads of other certificates, say nothing about it.
ATTENDED_BY = (
    Action.ACTIVATION_SAVED,
    Action.ACTIVATION_FINISHED,
    Action.LOOKED_AGAIN,
    Action.METHOD_CHANGED,
    Action.APPROVAL_RESENT,
    Action.HAND_OFF_MADE,
)


def end(walk: Walk) -> Done:
    """The order has expired: go on, rest, or try again later."""
    if was_attended(walk):
        return closing.start_afresh(
            walk, _because(EXPIRED, "The order expired while it waited.", walk), expired=True
        )
    unaided = needing_somebody(walk)
    if not unaided:
        problem = _because(
            EXPIRED_UNSEEN, "The order expired before what is set up once was to be seen.", walk
        )
        return closing.start_afresh(walk, problem, AGAIN, expired=True)
    return rest(walk, unaided)


def was_attended(walk: Walk) -> bool:
    """True if a person did something about the request since this order was opened, or published what it wants."""
    since = walk.order.created_at
    by_person = Q(action__in=ATTENDED_BY, actor_id__isnull=False)
    # Who approves, and who has the link, need no account.
    by_stranger = Q(action=Action.APPROVAL_GIVEN) | Q(action=Action.LOOKED_AGAIN, actor="hand-off")
    did = Entry.objects.filter(by_person | by_stranger, plan_id=walk.issuance.plan_id, at__gt=since)
    if did.exists():
        return True
    if slug_of_last(walk) == EXPIRED:
        # Something was there again and not everything: without anybody's doing that is no reason for a third one.
        return False
    return any(
        row.insisted_at is not None or (row.shown_at is not None and row.shown_at > since)
        for row in needing_somebody(walk)
    )


def slug_of_last(walk: Walk) -> str:
    """Return why the order before this one ended, "" where there was none or nothing was said."""
    earlier = walk.issuance.acme_orders.filter(attempt__lt=walk.order.attempt).order_by("-attempt")
    problem = earlier.values_list("problem", flat=True).first()
    return str((problem or {}).get("type", ""))


def was_asked_for(walk: Walk) -> bool:
    """True if somebody pressed a button for this order: the one before it waited for that."""
    earlier = walk.issuance.acme_orders.filter(attempt__lt=walk.order.attempt).order_by("-attempt")
    waited_for = earlier.values_list("waiting_for", flat=True).first()
    return waited_for == AcmeOrder.WaitingFor.CUSTOMER


def needing_somebody(walk: Walk) -> list[Authorization]:
    """Return the authorizations to be shown that nothing set up once proves."""
    pending = [row for row in walk.authorizations() if row.status == Authorization.Status.PENDING]
    return [row for row in pending if not proves_itself(walk, row)]


def proves_itself(walk: Walk, row: Authorization) -> bool:
    if row.method == Method.PERSIST:
        mine = Delegation.objects.of(walk.owner).over(row.identifier)
        return mine.filter(kind=Delegation.Kind.PERSIST).standing().exists()
    return delegation.answers(walk.owner, [Name(ascii=row.identifier, wildcard=row.wildcard)])


def rest(walk: Walk, unaided: list[Authorization]) -> Done:
    """End the order as one that its customer must ask for again; say so once, unless reminders do that already.

    Who asked for nothing gets the letters about the next one (certificates/renewal, reminding).
    """
    order, issuance, plan, now = walk.order, walk.issuance, walk.issuance.plan, walk.now
    names = [row.text for row in unaided]
    problem = _because(UNATTENDED, "What was to be published has expired before we saw it.", walk)
    with transaction.atomic():
        walk.hold()
        closing.stop_looking(walk)
        uses.release(walk)
        walk.note(Action.CA_PROBLEM, problem=problem)
        if issuance.requested_by_id is not None or was_asked_for(walk):
            write(
                "order_expired",
                to=plan.owner.email,
                occasion=f"expired:{order.pk}",
                now=now,
                context={"plan": plan, "names": names},
                plan_id=plan.pk,
            )
    return Done(
        None,
        status=AcmeOrder.Status.INVALID,
        ended_at=now,
        problem=problem,
        waiting_for=AcmeOrder.WaitingFor.CUSTOMER,
    )


def _because(slug: str, detail: str, walk: Walk) -> dict[str, Any]:
    return ours(slug.removeprefix("chancery:"), detail, walk.now)
