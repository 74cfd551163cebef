"""Asks a domain's owner by mail: the row is opened by whoever needs the answer, the lookout writes the mail."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet, Sum

from accounts.mail import write
from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from identifiers.names import Name
from leases import ring
from validation.approval.recipients import recipients_for
from validation.models import Approval
from validation.models.approval import LIFE, covers, digest, nonce, token_of

RESEND_GAP = timedelta(minutes=10)
MOST_MAILS = 5
# Mails within a day. A stranger's mailbox is not to be filled by us: so many from one customer to one address, and more
# from all together, so that none can use up what the others may ask. And so many from one customer, to whomever.
MOST_TO_ONE = 10
MOST_TO_ONE_OF_ALL = 30
MOST_OF_ONE = 60
WITHIN = timedelta(days=1)
RETRIES = (timedelta(seconds=20), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1))
# What a name may consist of in a mail to a stranger: nothing that a mail program would make a link of.
_NOT_PLAIN = re.compile(r"[^\w .,'’&()-]")
_LINK_DOT = re.compile(r"\.(?=\S)")


class NotSendable(Exception):
    """The mail cannot be sent again; `slug` is answered, too_soon, too_many or secret_gone."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


class MayNotSpeak(ValueError):
    """The domain of this recipient is neither the name itself nor above it."""


def ask(
    owner: User,
    names: Iterable[Name],
    *,
    recipient: str,
    domain: str,
    mode: str,
    plan_id: uuid.UUID | None,
    asker: tuple[str, str],
    now: datetime,
) -> Approval:
    """Open the question; its mail is written by `send`, which looks once more whether the recipient may be asked.

    `asker` is name and address of who buys, as the recipient shall read them. Raises MayNotSpeak.
    """
    wanted = sorted(set(names))
    if not wanted or not all(covers(domain, name) for name in wanted):
        raise MayNotSpeak(f"{domain} for {', '.join(name.text for name in wanted)}")
    made = nonce()
    with transaction.atomic():
        approval = Approval.objects.create(
            owner=owner,
            plan_id=plan_id,
            domain=domain,
            names=[name.text for name in wanted],
            mode=mode,
            recipient=recipient,
            asker_name=plain(asker[0]),
            asker_email=asker[1][:254],
            nonce=made,
            token_hash=digest(token_of(made, settings.SECRET_KEY)),
            created_at=now,
            expires_at=now + LIFE,
            due_at=now,
        )
        note(
            Action.APPROVAL_ASKED,
            approval,
            now,
            by="issuance",
            names=approval.names,
            to=recipient,
            follows=mode,
        )
    ring()
    return approval


def plain(name: str) -> str:
    """Return a person's name as it may stand in a mail to a stranger: no link, no second line, no novel."""
    kept = _LINK_DOT.sub(" ", " ".join(_NOT_PLAIN.sub(" ", name).split()))
    return kept[:60].strip()


def send(approval: Approval, now: datetime) -> None:
    """Write the mail of a claimed row, unless its recipient may no longer be asked. Raises LeaseLost."""
    if not approval.is_open(now):
        approval.let_go(None)
        return
    found = recipients_for(Name(approval.domain))
    known = found.named(f"{approval.recipient} {approval.domain}")
    if known is None and found.unknown and approval.tries < len(RETRIES):
        approval.let_go(now + RETRIES[approval.tries], tries=approval.tries + 1)
        return
    problem = _refusal(approval, known is not None, now)
    try:
        token = approval.token()
    except LookupError:
        problem, token = "secret_gone", ""
    if problem:
        with transaction.atomic():
            approval.let_go(None, problem=problem)
            note(Action.APPROVAL_NOT_SENT, approval, now, to=approval.recipient, why=problem)
        return
    with transaction.atomic():
        letter = write(
            "approval_asked",
            to=approval.recipient,
            occasion=f"approval:{approval.pk}:{approval.mails + 1}",
            now=now,
            # Nothing that may change from one mail to the next: a second mail is the first one again.
            context={"approval": approval, "token": token},
            plan_id=approval.plan_id,
        )
        approval.let_go(None, mails=approval.mails + 1, mailed_at=now, letter=letter, problem="", tries=0)
    ring()


def _refusal(approval: Approval, known: bool, now: datetime) -> str:
    if not known:
        return "not_a_recipient"
    said_no = Approval.objects.filter(
        owner=approval.owner_id, recipient=approval.recipient, domain=approval.domain,
        answer=Approval.Answer.REPORTED,
    )  # fmt: skip
    if said_no.exists():
        return "reported_before"
    return "too_many" if _too_many(approval, now) else ""


def _too_many(approval: Approval, now: datetime) -> bool:
    """True once so much was written in the last day that this mail would be too many. Mails count, not questions."""
    lately = Approval.objects.filter(mailed_at__gt=now - WITHIN, mails__gt=0)
    to_them = lately.filter(recipient=approval.recipient).exclude(pk=approval.pk)
    if (
        _mails(to_them) >= MOST_TO_ONE_OF_ALL
        or _mails(to_them.filter(owner=approval.owner_id)) >= MOST_TO_ONE
    ):
        return True
    return _mails(lately.filter(owner=approval.owner_id)) >= MOST_OF_ONE


def _mails(approvals: QuerySet[Approval]) -> int:
    return int(approvals.aggregate(sum=Sum("mails"))["sum"] or 0)


def resend(approval: Approval, *, by: User, now: datetime, address: str | None = None) -> None:
    """Send the same mail to the same recipient once more, byte for byte. Raises NotSendable.

    Another recipient is another question: see `ask`.
    """
    try:
        approval.token()
    except LookupError as gone:
        raise NotSendable("secret_gone") from gone
    with transaction.atomic():
        mine = Approval.objects.open(now).filter(pk=approval.pk)
        rested = mine.filter(due_at__isnull=True, mails__lt=MOST_MAILS).exclude(
            mailed_at__gt=now - RESEND_GAP
        )
        # `mailed_at` moves with the wish, so that of two presses at once one finds it too soon.
        if rested.update(due_at=now, mailed_at=now, tries=0, problem="", epoch=F("epoch") + 1) != 1:
            raise NotSendable(_why_not(Approval.objects.get(pk=approval.pk), now))
        note(Action.APPROVAL_RESENT, approval, now, by=by, address=address, to=approval.recipient)
    ring()


def _why_not(approval: Approval, now: datetime) -> str:
    if not approval.is_open(now):
        return "answered"
    return "too_many" if approval.mails >= MOST_MAILS else "too_soon"


def withdraw(approvals: Sequence[Approval], now: datetime, *, by: User | str) -> None:
    """Take back questions that nobody has answered: their links then say so."""
    for approval in approvals:
        with transaction.atomic():
            mine = Approval.objects.open(now).filter(pk=approval.pk)
            if mine.update(withdrawn_at=now, due_at=None, lease_until=None, epoch=F("epoch") + 1):
                note(Action.APPROVAL_WITHDRAWN, approval, now, by=by, to=approval.recipient)


def note(
    action: Action,
    approval: Approval,
    now: datetime,
    *,
    by: User | str = "approval",
    address: str | None = None,
    **details: Any,
) -> None:
    """Remember a step in the plan's story; never the link."""
    record(
        action,
        approval,
        now=now,
        by=by,
        address=address,
        plan_id=approval.plan_id,
        domain=approval.domain,
        **details,
    )
