"""Step 4 as the customer sees it: per name what to publish, what stands there now, and when we look next."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from django.utils.functional import Promise
from django.utils.translation import ngettext

from certificates.activation.asked import Asked, asked_about
from certificates.activation.verdicts import Verdict, verdict_of
from certificates.held_up import UNATTENDED, slug_of
from certificates.models import AcmeOrder, CaAccount, Issuance
from certificates.progress import ProgressStep, progress_of
from certificates.standing import Standing, newest_order, standing_of, wanted_issuance, with_standing
from orders.models import Plan
from validation import providers
from validation.delegation import standing_ways
from validation.methods import METHODS, Instruction, Row, available_for
from validation.models import Authorization
from validation.problems import Finding
from validation.providers import Provider
from validation.zone_lines import ZoneLine

QUICK, CALM, SLOW = timedelta(seconds=2), timedelta(seconds=5), timedelta(seconds=30)
OFTEN = timedelta(seconds=10)
CALM_AFTER, SLOW_AFTER = timedelta(minutes=10), timedelta(hours=1)


@dataclass(frozen=True)
class NameToShow:
    """One name of the request. `state` is approval, opening, waiting, insisted, seen, asked, valid, invalid or stale.

    `mail` is where the question to its owner stands, None where the name is not shown by Email. `stands`: what was set
    up once answers this very challenge, as far as we know. `sent`: the CSR is at the CA, which had accepted every name.
    """

    position: int
    ascii: str
    wildcard: bool
    method: str
    authorization: Authorization | None
    order_ended: bool
    mail: Asked | None = None
    stands: bool = False
    sent: bool = False

    @property
    def text(self) -> str:
        return f"*.{self.ascii}" if self.wildcard else self.ascii

    @property
    def key(self) -> str:
        return f"name-{self.position}"

    @property
    def method_label(self) -> str | Promise:
        return METHODS[self.method if self.mail is None else "email"].label

    @cached_property
    def state(self) -> str:
        row = self.authorization
        if row is None and self.mail is not None and self.mail.comes_first and not self.order_ended:
            return "approval"
        if row is None:
            return "stale" if self.order_ended else "opening"
        if row.status == Authorization.Status.VALID:
            return "valid"
        if row.status != Authorization.Status.PENDING:
            return self._closed_state(row)
        return "stale" if self.order_ended else self._pending_state(row)

    def _closed_state(self, row: Authorization) -> str:
        handed_back = row.status == Authorization.Status.DEACTIVATED and not row.problem
        if handed_back and self.sent:
            # Accepted, used, and given back to the CA between our look at the order and the one at its names.
            return "valid"
        # Of one that only ended with its order, or that we closed, the CA has said nothing.
        return "stale" if handed_back or (self.order_ended and not row.problem) else "invalid"

    @staticmethod
    def _pending_state(row: Authorization) -> str:
        challenge = row.challenge()
        if challenge is not None and challenge.answered_at is not None:
            return "asked"
        if row.shown_at is not None:
            return "seen"
        return "insisted" if row.insisted_at is not None else "waiting"

    @cached_property
    def proves_itself(self) -> bool:
        """True if nothing is to be published for a name that is being shown; once a look has said otherwise, no more."""
        if not self.stands or self.state not in {"waiting", "insisted", "seen", "asked"}:
            return False
        found = self.finding
        return found is None or found.in_place or found.slug == "delegation_zone_down"

    @cached_property
    def instruction(self) -> Instruction | None:
        """What to publish; None before the CA has named it, and where it is of no use."""
        if (
            self.proves_itself
            or self.authorization is None
            or self.state not in {"waiting", "insisted", "seen", "asked"}
        ):
            return None
        challenge = self.authorization.challenge()
        return METHODS[self.method].instruction(challenge, self.ascii) if challenge is not None else None

    @cached_property
    def provider(self) -> Provider | None:
        """Who keeps the domain's DNS, as we last saw it; None for nobody whose form we know."""
        return providers.known(self.finding.facts.get("provider")) if self.finding is not None else None

    @property
    def rows(self) -> list[Row]:
        """What to publish, field by field, in the words of the provider's form."""
        told = self.instruction
        if told is None:
            return []
        line = ZoneLine.of(told.line) if told.kind == "dns" else None
        return line.rows(self.provider, self._zone) if line is not None else told.rows

    @property
    def _zone(self) -> str:
        known = self.finding.facts.get("zone") if self.finding is not None else None
        told = self.instruction
        if told is None or (known and told.full_name.endswith(f".{known}")):
            return str(known or "")
        return told.zone

    @property
    def repair_rows(self) -> list[Row]:
        """Another record than the one that is shown already, which repairs what was found: a CAA record."""
        line = ZoneLine.of(self.finding.repair) if self.finding is not None else None
        if line is None or line.record_type != "CAA" or self.finding is None:
            return []
        return line.rows(self.provider, str(self.finding.facts.get("zone", "")))

    @cached_property
    def finding(self) -> Finding | None:
        return self.authorization.last_finding if self.authorization is not None else None

    @property
    def seen(self) -> tuple[str, ...]:
        """What the last look found, as it stands on the page."""
        found = self.finding
        return (found.slug, found.seen, found.title, found.advice) if found is not None else ()

    @property
    def verdict(self) -> Verdict | None:
        return verdict_of(self.authorization.problem) if self.authorization is not None else None

    @property
    def next_look_at(self) -> datetime | None:
        return (
            self.authorization.due_at if self.authorization is not None and self.state == "waiting" else None
        )

    @property
    def may_change_method(self) -> bool:
        return self.state in {
            "approval",
            "opening",
            "waiting",
            "insisted",
            "seen",
            "stale",
            "invalid",
        } and bool(self.other_methods)

    @cached_property
    def other_methods(self) -> list[tuple[str, str | Promise]]:
        shown = self.method if self.mail is None else "email"
        return [(m.slug, m.label) for m in available_for(self.ascii, self.wildcard) if m.slug != shown]


@dataclass(frozen=True)
class Approval:
    """One request under way: `standing` in one sentence, its `progress`, and its names."""

    plan: Plan
    issuance: Issuance
    order: AcmeOrder | None
    standing: Standing
    progress: Sequence[ProgressStep]
    names: Sequence[NameToShow]
    now: datetime
    verdict: Verdict | None = field(default=None)

    @property
    def refused(self) -> bool:
        """True when the CA has given its verdict and the customer must ask for another try."""
        return self.order is not None and self.order.status == AcmeOrder.Status.INVALID

    @property
    def unattended(self) -> bool:
        """True when nobody published anything in time: the customer goes on when they are ready."""
        return self.order is not None and self.refused and slug_of(self.order.problem) == UNATTENDED

    @property
    def by_mail_alone(self) -> bool:
        """True while only an answer to a mail is waited for: there is nothing to publish and nothing to look at."""
        return all(name.state == "approval" for name in self.names)

    @property
    def proves_itself(self) -> bool:
        """True if there is nothing to publish for any name, since what stands speaks for those that are being shown."""
        speaks = all(name.proves_itself or name.state == "valid" for name in self.names)
        return speaks and bool(self.names) and not self.all_accepted

    @property
    def all_accepted(self) -> bool:
        """True once the CA has found every name valid."""
        return bool(self.names) and all(name.state == "valid" for name in self.names)

    @property
    def takes_mail(self) -> bool:
        """True if the CA account of this order takes the owner's approval by mail."""
        order = self.order
        return order is not None and order.account.email_mode_at(self.now) != CaAccount.EmailMode.OFF

    @property
    def told_by_name(self) -> bool:
        """True where the CA's words stand beside a name already."""
        return any(name.verdict is not None for name in self.names)

    @property
    def waiting(self) -> bool:
        """True while something is to be published that we do not see yet."""
        return any(
            name.state == "waiting" or (name.mail is not None and name.mail.waits) for name in self.names
        )

    @property
    def shared_hosts(self) -> bool:
        """True when a name and its wildcard both want a TXT record at the same place."""
        hosts = [
            name.ascii
            for name in self.names
            if name.instruction is not None and name.instruction.kind == "dns"
        ]
        return len(set(hosts)) < len(hosts)

    @property
    def spoken(self) -> str:
        """What is read aloud when there is news: where it stands, and how many names are in place."""
        in_place = sum(name.state in {"seen", "asked", "valid"} for name in self.names)
        count = ngettext(
            "%(seen)d of %(all)d name is in place.",
            "%(seen)d of %(all)d names are in place.",
            len(self.names),
        ) % {"seen": in_place, "all": len(self.names)}
        return f"{count} {self.standing.sentence}"

    @property
    def poll_seconds(self) -> int:
        """How long a browser waits before it asks again: quick at first and while the CA works, calm later."""
        waited = self.now - self.issuance.created_at
        if not self.waiting and not self.refused:
            pace = QUICK if waited < SLOW_AFTER else CALM
        elif waited < CALM_AFTER:
            pace = QUICK
        else:
            pace = CALM if waited < SLOW_AFTER else SLOW
        return int(pace.total_seconds())

    @cached_property
    def layout(self) -> str:
        """A fingerprint of what to publish: when it changes, the whole page part is drawn anew."""
        rows = [
            (
                n.text,
                n.method,
                n.state in {"approval", "opening", "valid", "invalid", "stale"},
                _line(n),
                _mail(n),
            )
            for n in self.names
        ]
        return _fingerprint([str(self.issuance.pk), self.refused, rows])

    @cached_property
    def news(self) -> str:
        """A fingerprint of what is worth being read aloud: the sentence, the progress, and where each name stands."""
        steps = [(step.slug, step.state, step.detail) for step in self.progress]
        return _fingerprint(
            [self.standing.slug, self.standing.sentence, steps, [name.state for name in self.names]]
        )

    @cached_property
    def state(self) -> str:
        """A fingerprint of everything a person would notice; while it stays, nothing on the page is touched."""
        seen = [
            (name.seen, str(name.next_look_at) if not self.looking_often(name) else "") for name in self.names
        ]
        return _fingerprint([self.layout, self.news, seen, self.poll_seconds])

    def looking_often(self, name: NameToShow) -> bool:
        """True while looks follow each other so quickly that a countdown would only flicker."""
        return name.next_look_at is not None and name.next_look_at - self.now <= OFTEN


def approval_of(plan: Plan, now: datetime) -> Approval | None:
    """Return the plan's running request, None when there is none. A constant number of queries for any number of names."""
    plan = with_standing(Plan.objects.filter(pk=plan.pk)).get()
    issuance = wanted_issuance(plan)
    if issuance is None:
        return None
    order = newest_order(issuance)
    if order is not None:
        rows = Authorization.objects.prefetch_related("challenges").order_by("identifier", "wildcard")
        prefetch_related_objects([order], Prefetch("authorizations", rows))
    return Approval(
        plan=plan,
        issuance=issuance,
        order=order,
        standing=standing_of(plan, now),
        progress=progress_of(issuance),
        names=_names(issuance, order, _asked(plan, issuance, order, now)),
        now=now,
        verdict=verdict_of(order.problem) if order is not None and not _of_staff(order) else None,
    )


def _of_staff(order: AcmeOrder) -> bool:
    """What a CA says about our account or our software is nothing that its customer could act on."""
    return order.waiting_for == AcmeOrder.WaitingFor.OPERATOR


def _asked(plan: Plan, issuance: Issuance, order: AcmeOrder | None, now: datetime) -> dict[str, Asked]:
    if order is None or order.status == AcmeOrder.Status.INVALID:
        return asked_about(plan, issuance.names, CaAccount.EmailMode.ASSISTED, now)
    return asked_about(plan, issuance.names, order.account.email_mode_at(now), now)


def _names(issuance: Issuance, order: AcmeOrder | None, asked: dict[str, Asked]) -> list[NameToShow]:
    rows = list(order.authorizations.all()) if order is not None else []
    known = {(row.identifier, row.wildcard): row for row in rows}
    shown_by = [known.get((entry["ascii"], entry["wildcard"])) for entry in issuance.names]
    pending = [row for row in rows if row.status == Authorization.Status.PENDING]
    standing = standing_ways(issuance.plan.owner, [row.identifier for row in pending]) if pending else set()
    ended = order is not None and order.status == AcmeOrder.Status.INVALID
    return [
        NameToShow(
            position=position,
            ascii=entry["ascii"],
            wildcard=entry["wildcard"],
            method=_method(entry, row, ended),
            authorization=row,
            order_ended=ended,
            mail=asked.get(text),
            stands=_stands(row, standing),
            sent=order is not None and order.finalizing_at is not None and not ended,
        )
        for position, (text, entry, row) in enumerate(
            zip(issuance.texts, issuance.names, shown_by, strict=True), start=1
        )
    ]


def _stands(row: Authorization | None, standing: set[tuple[str, str]]) -> bool:
    return row is not None and (row.identifier, row.method) in standing


def _method(entry: dict[str, Any], row: Authorization | None, ended: bool) -> str:
    """The method that is being shown: the CA's offer goes before the wish, which may come too late for this order."""
    if row is None or row.status not in {Authorization.Status.PENDING, Authorization.Status.VALID}:
        return str(entry["method"])
    return str(row.method if row.status == Authorization.Status.VALID or not ended else entry["method"])


def _mail(name: NameToShow) -> tuple[str, str, bool] | None:
    return (name.mail.state, name.mail.recipient, name.mail.may_resend) if name.mail is not None else None


def _line(name: NameToShow) -> str:
    told = name.instruction
    return f"{told.line} {name.provider.slug if name.provider else ''}" if told is not None else ""


def _fingerprint(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, default=str, sort_keys=True).encode()).hexdigest()[:16]
