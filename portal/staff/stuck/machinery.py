"""The queues themselves: rows that nobody takes, and rows that are taken again and again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from portal.backlog import Backlog
from portal.staff.stuck.row import Stuck, Text

TITLES: dict[str, Text] = {
    "gateway_events": _("Gateway events"),
    "payments": _("Payments to ask about"),
    "refunds": _("Refunds"),
    "acme_orders": _("Orders at CAs"),
    "authorizations": _("Looks at customers' servers"),
    "letters": _("Mails"),
    "renewals": _("Renewal information"),
    "revocations": _("Revocations"),
    "campaigns": _("Campaigns"),
    "delegations": _("What customers set up once"),
    "approvals": _("Mails to domain owners"),
    "publications": _("Values in our own zone"),
}


def title_of(queue: str) -> Text:
    return TITLES.get(queue, queue)


def untouched(backlogs: Sequence[Backlog], now: datetime) -> Iterable[Stuck]:
    for backlog in backlogs:
        if backlog.late(now):
            why = ngettext(
                "%(n)d row is ready and nobody takes it.",
                "%(n)d rows are ready and nobody takes them.",
                backlog.due,
            )
            yield Stuck(
                str(title_of(backlog.queue)),
                why % {"n": backlog.due},
                backlog.untouched_since,
                then=_t(
                    "The next worker that runs takes them. Is one running? Its log and its container's health say more."
                ),
            )


def again_and_again(backlogs: Sequence[Backlog], now: datetime) -> Iterable[Stuck]:
    for backlog in backlogs:
        if backlog.again:
            why = ngettext(
                "%(n)d row is claimed again and again and never let go: its work fails or kills its worker.",
                "%(n)d rows are claimed again and again and never let go: their work fails or kills its worker.",
                backlog.again,
            )
            yield Stuck(
                str(title_of(backlog.queue)),
                why % {"n": backlog.again},
                backlog.again_since,
                then=_t("Tried again whenever a lease ends. The log has the reason under queue %(queue)s.")
                % {"queue": backlog.queue},
            )
