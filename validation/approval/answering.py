"""The domain owner's answer: kept once, with when and from where, and entered into the ledger where the rules allow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.db import transaction

from accounts.mail import write
from audit.record import record
from audit.vocabulary import Action
from identifiers.names import Name
from validation.approval import until
from validation.approval.asking import note
from validation.models import Approval, Control
from validation.models.authorization import Method

ACTIONS = {
    Approval.Answer.APPROVED.value: Action.APPROVAL_GIVEN,
    Approval.Answer.REJECTED.value: Action.APPROVAL_REJECTED,
    Approval.Answer.REPORTED.value: Action.APPROVAL_REPORTED,
}


class TooLate(Exception):
    """The question was answered before, was withdrawn, or has expired."""


def answer(
    approval: Approval,
    word: str,
    now: datetime,
    address: str | None,
    when_kept: Callable[[], object] = lambda: None,
) -> None:
    """Keep the one answer (`approved`, `rejected`, `reported`). Raises TooLate, and ValueError for another word.

    `when_kept` is called in the same transaction, so that whoever waits for the answer is told with it.
    """
    if word not in ACTIONS:
        raise ValueError(f"no such answer: {word[:20]!r}")
    approved = word == Approval.Answer.APPROVED
    good = until.good_until(now) if approved else None
    with transaction.atomic():
        if not approval.respond(word, now, address, good):
            raise TooLate(str(approval.pk))
        approval.refresh_from_db()
        # Whoever reads that mailbox: nobody has signed in here.
        note(
            ACTIONS[approval.answer],
            approval,
            now,
            by=approval.recipient,
            address=address,
            names=approval.names,
        )
        if approved and approval.prevalidated:
            _enter(approval, now)
        _tell(approval, now)
        when_kept()


def _enter(approval: Approval, now: datetime) -> None:
    """The approval itself is the control, for the names that were shown and at CA accounts that declare it (design §5.6)."""
    for text in approval.names:
        name = Name.of(text)
        if not approval.speaks_for(name):
            continue
        control, created = Control.objects.get_or_create(
            approval=approval,
            identifier=name.ascii,
            wildcard=name.wildcard,
            defaults={
                "owner": approval.owner,
                "method": Method.EMAIL,
                "shown_at": now,
                "expires_at": approval.good_until or now,
            },
        )
        if created:
            record(
                Action.CONTROL_SHOWN, control, now=now, by="approval", plan_id=approval.plan_id, name=control.text,
                method=control.method, until=control.expires_at.isoformat(),
            )  # fmt: skip


def _tell(approval: Approval, now: datetime) -> None:
    write(
        "approval_answered",
        to=approval.owner.email,
        occasion=f"approval_answered:{approval.pk}",
        now=now,
        context={"approval": approval},
        plan_id=approval.plan_id,
    )
    if approval.answer == Approval.Answer.REPORTED:
        write(
            "approval_reported",
            to=settings.SUPPORT_EMAIL,
            occasion=f"approval_reported:{approval.pk}",
            now=now,
            context={"approval": approval},
            plan_id=approval.plan_id,
        )
