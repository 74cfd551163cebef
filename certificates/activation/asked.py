"""How far the question to a name's owner has come: mail, its fate, and the answer, in one sentence each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import Letter, User
from certificates.models import CaAccount
from identifiers.names import Name
from orders.models import Plan
from validation.approval.asking import MOST_MAILS, RESEND_GAP
from validation.models import Approval
from validation.models.authorization import Method

MOST_READ = 200
PREVALIDATED = CaAccount.EmailMode.PREVALIDATED


@dataclass(frozen=True)
class Asked:
    """`row` is the newest question about the name, None while there is none. `mode` is the CA account's."""

    entry: dict[str, Any]
    row: Approval | None
    mode: str
    now: datetime

    @property
    def recipient(self) -> str:
        return self.row.recipient if self.row is not None else str(self.entry.get("approver", ""))

    @property
    def state(self) -> str:
        """off, approved, rejected, reported, expired, unsent, failed, refused, returned, silent, sent or asking."""
        row = self.row
        if self.mode == CaAccount.EmailMode.OFF:
            return "off"
        if row is None:
            return "asking" if self.recipient else "nobody"
        if row.answer == Approval.Answer.APPROVED:
            return "approved" if row.is_given(self.now) else "expired"
        if row.answer:
            return row.answer
        if row.expires_at <= self.now:
            return "expired"
        return "unsent" if row.problem else self._mailed(row)

    def _mailed(self, row: Approval) -> str:
        fate = _fate(row.letter)
        if fate != "sent":
            return fate
        return "silent" if row.unanswered_for_long(self.now) else "sent"

    @property
    def title(self) -> str:
        texts = {
            "off": _("Approval by email is not possible here any more: what stands below is enough."),
            "nobody": _("Choose who is asked."),
            "approved": _("Approved by %(to)s."),
            "rejected": _("%(to)s said no."),
            "reported": _("%(to)s says they know nothing of this request."),
            "expired": _("Nobody has answered in time."),
            "unsent": _("%(to)s could not be asked."),
            "failed": _("The mail to %(to)s could not be delivered."),
            "refused": _("The mail server of %(to)s does not take the mail."),
            "returned": _("The mail to %(to)s came back as undeliverable."),
            "silent": _("%(to)s has not answered yet."),
            "sent": _("We have asked %(to)s by mail."),
            "asking": _("We are writing to %(to)s."),
        }
        return texts[self.state] % {"to": self.recipient}

    @property
    def what_it_does(self) -> str:
        """Say in one sentence what the approval does and what it does not do."""
        if self.state == "off" or self.said_no:
            return ""
        if self.mode == CaAccount.EmailMode.PREVALIDATED:
            return _("With the approval your certificate is ordered; nothing has to be published.")
        return _(
            "The approval says that you may have the certificate, but it proves nothing to the certificate authority: "
            "the record below does, and whoever approves is shown it too."
        )

    @property
    def tone(self) -> str:
        if self.state == "approved":
            return "ok"
        return "info" if self.state in {"sent", "asking", "off"} else "wait"

    @property
    def approved(self) -> bool:
        return self.state == "approved"

    @property
    def said_no(self) -> bool:
        """True where publishing would be in vain until somebody else is asked, or another way is chosen."""
        return self.state in {Approval.Answer.REJECTED.value, Approval.Answer.REPORTED.value}

    @property
    def waits(self) -> bool:
        return self.state not in {"approved", "off"}

    @property
    def comes_first(self) -> bool:
        """True while nothing is ordered before the answer."""
        return self.waits and self.mode == PREVALIDATED

    @property
    def suggests_another(self) -> bool:
        """True where waiting alone is not likely to help."""
        return self.waits and self.state not in {"sent", "asking"}

    @property
    def may_resend(self) -> bool:
        row = self.row
        if row is None or not row.is_open(self.now) or row.due_at is not None or row.mails >= MOST_MAILS:
            return False
        return row.mailed_at is None or self.now - row.mailed_at >= RESEND_GAP


def _fate(letter: Letter | None) -> str:
    if letter is None:
        return "asking"
    if letter.sent_at is not None:
        return "returned" if letter.is_returned else "sent"
    if letter.due_at is None:
        return "failed"
    # The server knows no such mailbox, as a rule: it is tried again, but somebody should know already.
    return "refused" if letter.is_refused else "asking"


def asked_about(plan: Plan, entries: Iterable[dict[str, Any]], mode: str, now: datetime) -> dict[str, Asked]:
    """Return by name where the questions stand. One query, none without Email."""
    wanted = [entry for entry in entries if entry["method"] == Method.EMAIL]
    rows = rows_of(plan.owner, plan, now) if wanted else []
    found = {}
    for entry in wanted:
        name = Name(entry["ascii"], entry["wildcard"])
        mine = [row for row in rows if row.speaks_for(name)]
        given = [row for row in mine if row.is_given(now)]
        ours = [row for row in mine if row.plan_id == plan.pk and row.recipient == entry.get("approver")]
        # Beforehand-known names want an approval of that kind, and this plan's own question tells more.
        first = ours or [row for row in given if row.prevalidated] if mode == PREVALIDATED else given or ours
        found[name.text] = Asked(entry, next(iter(first), None), mode, now)
    return found


def rows_of(owner: User, plan: Plan, now: datetime) -> list[Approval]:
    """Return the questions of this plan and what other plans of the customer have had approved, the newest first."""
    given = Q(answer=Approval.Answer.APPROVED, good_until__gt=now)
    rows = Approval.objects.of(owner).filter(Q(plan_id=plan.pk) | given, withdrawn_at__isnull=True)
    return list(rows.select_related("letter").order_by("-created_at")[:MOST_READ])
