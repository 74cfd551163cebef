"""The board: everything that is stuck, grouped by who must act, most pressing first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.utils.translation import gettext_lazy as _

from portal.backlog import Backlog
from portal.staff.stuck import accounts, cas, letters, machinery, money, orders, plans, renewals, zone
from portal.staff.stuck.row import SHOWN, Finder, May, Stuck, Text


@dataclass(frozen=True)
class Group:
    """`tone` as in the design system; `more` is true when only SHOWN rows are listed."""

    title: Text
    advice: Text
    tone: str
    rows: list[Stuck]
    more: bool


@dataclass(frozen=True)
class Section:
    """`who` must act: operator, us (the machinery), ca or customer."""

    who: str
    title: Text
    calm: Text
    icon: str
    groups: list[Group]

    @property
    def number(self) -> int:
        return sum(len(group.rows) for group in self.groups)

    @property
    def more(self) -> bool:
        return any(group.more for group in self.groups)

    @property
    def tone(self) -> str:
        return next(
            (tone for tone in ("bad", "wait", "quiet") if any(g.tone == tone for g in self.groups)), "ok"
        )


def board(now: datetime, may: May, backlogs: Sequence[Backlog]) -> list[Section]:
    """Return the four sections, in a fixed number of queries. `may` tells whether the reader has a permission."""
    finders = {
        "operator": OF_OPERATORS,
        "us": of_the_machinery(backlogs),
        "ca": OF_CAS,
        "customer": OF_CUSTOMERS,
    }
    return [
        Section(who, title, calm, icon, list(_groups(finders[who], now, may)))
        for who, title, calm, icon in SECTIONS
    ]


Finders = tuple[tuple[Text, Text, str, Finder], ...]


def _groups(finders: Finders, now: datetime, may: May) -> Iterable[Group]:
    for title, advice, tone, find in finders:
        rows = [row.for_reader(may) for row in find(now)]
        if rows:
            yield Group(title, advice, tone, rows[:SHOWN], len(rows) > SHOWN)


SECTIONS: tuple[tuple[str, Text, Text, str], ...] = (
    ("operator", _("Operators must act"), _("Nothing waits for an operator."), "user"),
    ("us", _("Our own machinery"), _("The workers keep up."), "server"),
    ("ca", _("CAs must act"), _("No CA keeps anybody waiting."), "seal"),
    ("customer", _("Customers must act"), _("No customer has been waiting for long."), "globe"),
)

OF_OPERATORS: Finders = (
    (_("CAs that are paused"), _("Put right what the CA says, then resume it."), "bad", cas.paused),
    (
        _("Paid, not fulfilled"),
        _("Should never be here: money without a plan."),
        "bad",
        money.paid_without_plan,
    ),
    (
        _("No CA for the product"),
        _("Their owners cannot get a certificate and read that our staff have been told."),
        "bad",
        plans.without_ca,
    ),
    (
        _("Waiting for an operator"),
        _("The CA or the set-up needs somebody of us."),
        "bad",
        orders.waiting("operator"),
    ),
    (
        _("Our own zone does not take values"),
        _("Is its server running, and are the settings DELEGATION_* right? We try again by ourselves."),
        "bad",
        zone.not_written,
    ),
    (
        _("Refused by the CA"),
        _("The CA will not issue for these names. The customer needs other names or their money back."),
        "bad",
        orders.refused,
    ),
    (
        _("Next certificates that wait for us"),
        _("They are not ordered until this is put right, and the certificates in use come to their end."),
        "bad",
        renewals.blocked(renewals.OPERATORS),
    ),
    (
        _("Certificates that should be revoked"),
        _("The CA refuses, or has not done it for long."),
        "bad",
        cas.revocations,
    ),
    (
        _("Money that does not match"),
        _("More, less or another currency than we asked for."),
        "bad",
        money.mismatches,
    ),
    (
        _("Refunds that failed"),
        _("The customer was promised this money."),
        "bad",
        money.failed_refunds,
    ),
    (
        _("Disputed payments"),
        _("The plans of these orders are suspended until the bank has decided."),
        "wait",
        money.disputes,
    ),
    (
        _("Mails given up"),
        _("Somebody does not know what they should: write to them another way."),
        "wait",
        letters.given_up,
    ),
    (
        _("CA accounts that want a look"),
        _("They work. Put right what their page says before somebody is kept waiting by it."),
        "wait",
        accounts.wanting_a_look,
    ),
    (
        _("Left out of a mass reissue"),
        _("They are still those of the CA that was to be left."),
        "wait",
        renewals.left_out,
    ),
    (_("Campaigns"), _("Every certificate of one CA, reissued with another."), "quiet", cas.campaigns),
)
OF_CAS: Finders = (
    (
        _("CAs that are left in peace"),
        _("They failed again and again. We ask by ourselves."),
        "bad",
        cas.resting,
    ),
    (
        _("Waiting for the CA"),
        _("Nothing to do unless it takes much longer: we ask again by ourselves."),
        "wait",
        orders.waiting("ca"),
    ),
)
OF_CUSTOMERS: Finders = (
    (
        _("The CA looked and said no"),
        _("The customer has had a mail that says what to repair."),
        "wait",
        orders.verdicts,
    ),
    (
        _("Not shown for a day"),
        _("We keep looking. A customer who does not know how may be glad of a call."),
        "quiet",
        orders.not_shown,
    ),
    (
        _("Nobody published anything"),
        _("The customer has had a mail. Nothing is asked of the CA until they press Continue."),
        "quiet",
        orders.unattended,
    ),
    (
        _("Next certificates that wait for their owners"),
        _("The owner has had a mail that says why we cannot order by ourselves."),
        "wait",
        renewals.blocked(renewals.CUSTOMERS),
    ),
    (
        _("Payments that failed in the last days"),
        _("The customer can pay again."),
        "quiet",
        money.declined,
    ),
)


def of_the_machinery(backlogs: Sequence[Backlog]) -> Finders:
    return (
        (
            _("Nobody works"),
            _("Rows are ready and no worker takes them."),
            "bad",
            partial(machinery.untouched, backlogs),
        ),
        (
            _("Never finished"),
            _("Each of these is a fault in the portal or a worker that is killed: please report it."),
            "bad",
            partial(machinery.again_and_again, backlogs),
        ),
        (_("Waiting for us"), _("A worker should have moved these on by now."), "bad", orders.waiting("us")),
        (_("Gateway events not processed"), _("Tried again by themselves."), "wait", money.events),
        (
            _("Mails that were not sent"),
            _("Tried again by themselves until they are given up."),
            "wait",
            letters.put_back,
        ),
    )
