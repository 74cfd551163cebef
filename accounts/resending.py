"""A mail that a mail server did not take is tried again at once, because somebody of the staff asked for it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from accounts.models import Letter, User
from audit.record import record
from audit.vocabulary import Action
from leases import ring


class NotResendable(Exception):
    """The mail was sent or given up: its text, which may hold a link, is gone."""


def send_again(letter: Letter, *, by: User, now: datetime, address: str | None = None) -> None:
    """Have a mail that waits for its next try sent at once. Raises NotResendable."""
    with transaction.atomic():
        unsent = Letter.objects.filter(pk=letter.pk, sent_at__isnull=True).exclude(body="")
        # A try that is under way at this moment must not end the story afterwards.
        if unsent.update(due_at=now, tries=0, epoch=F("epoch") + 1, lease_until=None) != 1:
            raise NotResendable(str(letter.pk))
        record(
            Action.LETTER_AGAIN,
            letter,
            now=now,
            by=by,
            address=address,
            plan_id=letter.plan_id,
            order_id=letter.order_id,
            kind=letter.kind,
            to=letter.to,
        )
    ring()
