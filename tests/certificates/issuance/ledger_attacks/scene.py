"""One case, played to its end: two customers who do what they can, an engine that works, a clock that jumps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from certificates import issuance
from certificates.models import AcmeOrder, CaAccount, Certificate, Issuance
from identifiers.names import Name, parse
from portal import sweeping
from tests.certificates.connectors.rough_ca import problem
from tests.certificates.issuance.desk import newest
from tests.certificates.issuance.ledger_attacks.cases import EVENTS, RELATIONS, Case
from tests.certificates.issuance.ledger_attacks.looking_ca import LookingCa
from tests.certificates.issuance.ledger_attacks.world import Shown, World
from tests.factories import CaAccountFactory, UserFactory, plan_for, staff
from validation import delegation
from validation.models import Authorization, Control, Delegation

BY_HAND = {"dns-01", "http-01", "prevalidated, any answer"}
METHODS = {
    "http-01": "http-01",
    "redirect": "http-01",
    "prevalidated": "email",
    "prevalidated, any answer": "email",
}
ON_A_LIST = {"prevalidated", "prevalidated, any answer"}
BY_RECORD = "found by itself"
# No certificate may rest on an older proof at the time of these cases (BR 4.2.1).
LONGEST = timedelta(days=200)
HALF_AN_HOUR = timedelta(minutes=30)


class Scene:
    def __init__(self, ca: LookingCa, case: Case, clock: Any, number: int, writes_to: list[World]) -> None:
        self.ca, self.case, self.clock = ca, case, clock
        self.world = writes_to[0] = World()
        ca.begin(self.world, reuse=case.reuse)
        ca.clock = timezone.now
        self.first, self.second = UserFactory(), UserFactory()
        proven, wanted = (text.format(f"case{number}") for text in RELATIONS[case.relation])
        self.proven, self.wanted = parse(proven, allow_reserved=True), parse(wanted, allow_reserved=True)
        self.domain = self.proven.registrable
        self.world.controllers[self.domain] = self.first
        self.account = CaAccountFactory(
            directory_url=ca.url("/directory"),
            roots_pem=ca.roots_pem,
            shared=case.account == "given back",
            per_customer=case.account == "own",
            email_mode="prevalidated" if case.way in ON_A_LIST else "off",
            publicly_trusted=False,
        )
        self.showing: set[object] = set()
        self.insisted: set[object] = set()
        self.wishes: dict[User, Issuance] = {}
        ca.looks_by_itself = case.way == BY_RECORD
        ca.takes_any_answer = case.way == "prevalidated, any answer"

    # --- moves ----------------------------------------------------------------------------------------------

    def play(self) -> None:
        moves: dict[str, Callable[[], None]] = {
            "a": self.first_asks, "v": self.first_validates, "A": self.first_is_issued, "O": self.first_asks_again,
            "B": self.second_asks, "b": self.second_tries, "P": self.second_shows, "S": self.domain_is_sold,
            "W": self.support_withdraws, "E": self.proof_expires, "x": self.first_answers,
            "R": lambda: self.ca.restart(counting_anew=False), "r": lambda: self.ca.restart(counting_anew=True),
        }  # fmt: skip
        for letter in EVENTS[self.case.events]:
            moves[letter]()
        AcmeOrder.objects.wake(timezone.now())
        self.run(HALF_AN_HOUR)

    def first_asks(self) -> None:
        self.ask(self.first, self.proven, METHODS.get(self.case.way, "dns-01"))

    def first_validates(self) -> None:
        """Everything is shown and found valid; the CA stumbles over finalize, and our order sleeps over it."""
        self.set_up()
        self.ca.spoil("finalize", problem("serverInternal", 500))
        self.run(self.patience, until=lambda: not self.ca.faults["finalize"])
        assert self.is_for_an_operator or not self.ca.faults["finalize"], f"{self.case}: {self.story()}"
        self.ca.heal()
        AcmeOrder.objects.filter(issuance=self.wishes[self.first]).update(
            due_at=timezone.now() + timedelta(hours=6)
        )

    def first_answers(self) -> None:
        """Everything is shown and the CA has looked, and stumbles before it says what it found: our order sleeps over it."""
        self.set_up()
        self.ca.spoil("order", problem("serverInternal", 500))
        mine = self.wishes[self.first]
        self.run(HALF_AN_HOUR, until=lambda: not self.ca.faults["order"] or self.has_ended(mine))
        self.ca.heal()
        AcmeOrder.objects.filter(issuance=mine, due_at__isnull=False).update(
            due_at=timezone.now() + timedelta(hours=6)
        )

    def first_is_issued(self) -> None:
        self.set_up()
        mine = self.wishes[self.first]
        AcmeOrder.objects.filter(issuance=mine).wake(timezone.now())
        self.run(self.patience, until=lambda: self.has_ended(mine))
        if self.world.runs(self.first, self.proven.ascii) and not self.is_for_an_operator:
            assert Certificate.objects.filter(issuance=mine).exists(), f"{self.case}: {self.story()}"

    @property
    def is_for_an_operator(self) -> bool:
        """A CA that finds names valid by itself, for all who share the account, leaves us no proof of anybody's."""
        return self.case.way == BY_RECORD and self.case.account != "own"

    @property
    def patience(self) -> timedelta:
        mine = self.world.runs(self.first, self.proven.ascii)
        return timedelta(days=2) if mine and not self.is_for_an_operator else HALF_AN_HOUR

    def first_asks_again(self) -> None:
        self.ask(self.first, self.proven, METHODS.get(self.case.way, "dns-01"))
        self.run(HALF_AN_HOUR)

    def second_asks(self) -> None:
        self.ask(self.second, self.wanted, self.others_method())

    def second_tries(self) -> None:
        """Insist on every look, and after each verdict begin again."""
        self.showing.add(self.second.pk)
        AcmeOrder.objects.wake(timezone.now())
        for _try in range(2):
            self.run(HALF_AN_HOUR)
            self.try_again(self.wishes[self.second])

    def second_shows(self) -> None:
        """The new owner of the domain, who leaves what the old one has set up where it is, if possible."""
        method = "dns-01"
        if self.proven.ascii in self.world.aliases:
            method = "dns-01" if self.proven.wildcard else "http-01"
            if self.proven.wildcard:
                del self.world.aliases[self.proven.ascii]
        self.ask(self.second, self.proven, method)
        self.showing.add(self.second.pk)
        self.run(timedelta(days=2), until=lambda: self.has_ended(self.wishes[self.second]))

    def domain_is_sold(self) -> None:
        self.world.sell(self.domain, self.second)

    def support_withdraws(self) -> None:
        """By the button of the staff's page, for each of the names that it shows as proven."""
        sue = staff(f"sue{self.first.pk}@portal.example", "support")
        standing = Control.objects.of(self.first).current(timezone.now())
        while (control := standing.first()) is not None:
            issuance.withdraw_control(control, "the domain was sold", by=sue, now=timezone.now())
        self.world.ended.append((self.first.pk, timezone.now()))

    def proof_expires(self) -> None:
        Control.objects.of(self.first).update(expires_at=timezone.now())
        self.world.ended.append((self.first.pk, timezone.now()))

    # --- what people set up ---------------------------------------------------------------------------------

    def others_method(self) -> str:
        by_web = METHODS.get(self.case.way) == "http-01" and not self.wanted.wildcard
        return "http-01" if by_web else "dns-01"

    def ask(self, who: User, name: Name, method: str) -> None:
        plan = plan_for(who, name.text, account=self.account, method=method)
        for kind in ("cname", "redirect"):
            # The other has labels too: of no use while nobody points to them.
            row = delegation.offer(who, name.ascii, kind, timezone.now())
            self.world.labels[row.label] = (who.pk, name.ascii)
        self.wishes[who] = issuance.request(plan, by=who, now=timezone.now())
        self.run(timedelta(minutes=1), until=lambda: newest(self.wishes[who]).waiting_for != "us")

    def set_up(self) -> None:
        """The owner of the domain does what they have to do once, if the domain is still theirs."""
        self.showing.add(self.first.pk)
        name = self.proven.ascii
        if not self.world.runs(self.first, name):
            return
        if self.case.way == "cname":
            self.world.aliases[name] = self.label_of(self.first, name, "cname")
        elif self.case.way == "redirect":
            self.world.redirects[name] = self.label_of(self.first, name, "redirect")
        elif self.case.way in ON_A_LIST and name not in self.ca.prevalidated:
            self.settle_with_the_ca()
        elif self.case.way == BY_RECORD:
            self.world.standing[name] = (self.account_of(self.first).account_url, True)

    def label_of(self, who: User, name: str, kind: str) -> str:
        return Delegation.objects.get(owner=who, identifier=name, kind=kind).label

    def settle_with_the_ca(self) -> None:
        """The name's owner has approved, and the CA has the name on the account's list."""
        now = timezone.now()
        self.ca.prevalidated[self.proven.ascii] = self.first.pk
        Control.objects.create(
            owner=self.first, identifier=self.proven.ascii, wildcard=self.proven.wildcard, method="email",
            shown_at=now, expires_at=now + LONGEST,
        )  # fmt: skip
        self.world.log.append(Shown(self.first.pk, self.proven.ascii, self.proven.wildcard, now))

    def account_of(self, who: User) -> CaAccount:
        return CaAccount.objects.filter(parent=self.account, customer=who).first() or CaAccount.objects.get(
            pk=self.account.pk
        )

    # --- time -----------------------------------------------------------------------------------------------

    def run(self, span: timedelta, until: Callable[[], bool] = lambda: False) -> None:
        """Let the engine work as a sweeper does, and everybody do what they do."""
        end = timezone.now() + span
        while not until():
            self.everybody_acts()
            due = self.next_due()
            if due is None or due > end:
                self.clock.move_to(end)
                return
            if due >= timezone.now():
                self.clock.move_to(due + timedelta(milliseconds=1))
            sweeping.work_one("acme_orders")

    def next_due(self) -> datetime | None:
        rows = AcmeOrder.objects.filter(due_at__isnull=False)
        moments = [max(filter(None, pair)) for pair in rows.values_list("due_at", "lease_until")]
        return min(moments, default=None)

    def everybody_acts(self) -> None:
        if self.account.per_customer:
            for child in CaAccount.objects.filter(parent=self.account):
                self.world.accounts[child.account_url] = child.customer_id
            if self.case.way == BY_RECORD and self.first.pk in self.showing:
                # An account that was opened anew has another URL, and the record is to name it.
                self.set_up()
        waiting = Authorization.objects.pending().filter(
            owner__in=self.showing, shown_at=None, acme_orders__ended_at=None
        )
        for row in waiting.select_related("owner").prefetch_related("challenges").distinct():
            self.act(row)

    def act(self, row: Authorization) -> None:
        """Publish what can be published; whoever cannot, insists that the CA looks anyway."""
        challenge, now = row.challenge(), timezone.now()
        if challenge is None:
            return
        key = (row.identifier, challenge.type, challenge.key_authorization)
        mine = self.world.runs(row.owner, row.identifier)
        if self.has_record_for(row):
            # As the lookout sees it, and the page offers it.
            row.choose("dns-persist-01", now)
            Authorization.objects.filter(pk=row.pk).update(shown_at=now, due_at=None)
            AcmeOrder.objects.open().needing(row).wake(now)
            return
        if mine and (self.case.way in BY_HAND or row.owner_id == self.second.pk):
            self.world.by_hand[key] = row.owner_id
        delegation.serve(row, challenge, now)
        for label in self.world.redirects.values():
            answer = delegation.answer_for(label, challenge.token, now)
            if answer is not None:
                self.world.redirected[label, challenge.token] = answer
        found = self.world.bears_out(
            challenge.type, row.identifier, challenge.key_authorization, challenge.token
        )
        if found is not None:
            Authorization.objects.filter(pk=row.pk).update(shown_at=now, due_at=None)
            AcmeOrder.objects.open().needing(row).wake(now)
        elif not mine and row.pk not in self.insisted:
            self.insisted.add(row.pk)
            issuance.insist(row, by=row.owner, now=now)

    def has_record_for(self, row: Authorization) -> bool:
        """True if a standing record gives the name to this customer's own account."""
        account = CaAccount.objects.filter(parent=self.account, customer=row.owner).first()
        return account is not None and self.world.stands_for(
            account.account_url, row.identifier, row.wildcard
        )

    def try_again(self, wanted: Issuance) -> None:
        try:
            issuance.try_again(wanted, by=self.second, now=timezone.now())
        except issuance.NotPossible:
            AcmeOrder.objects.filter(issuance=wanted).wake(timezone.now())

    def has_ended(self, wanted: Issuance) -> bool:
        return AcmeOrder.objects.filter(issuance=wanted, status="valid", due_at=None).exists()

    # --- the end --------------------------------------------------------------------------------------------

    def wrong(self) -> list[str]:
        """Return every name in a certificate whose holder, at its issue, had not shown it to the world."""
        found = []
        for certificate in Certificate.objects.filter(owner__in=[self.first, self.second]):
            for text in certificate.names:
                name = Name.of(text)
                if not self.had_shown(certificate.owner_id, name, certificate.issued_at):
                    found.append(f"{self.case}: {text} for {'AB'[certificate.owner == self.second]}")
        return found

    def had_shown(self, who: object, name: Name, at: datetime) -> bool:
        """True if the world bore them out for exactly this name, not too long before, and nothing has ended it since."""
        ends = [ended for whose, ended in self.world.ended if whose == who and ended <= at]
        return any(
            (one.who, one.identifier, one.wildcard) == (who, name.ascii, name.wildcard)
            and timedelta(0) <= at - one.at <= LONGEST
            and not any(one.at <= ended for ended in ends)
            for one in self.world.log
        )

    def left_valid(self) -> list[str]:
        """Return what stays valid at an account that customers share, once nobody needs it any more."""
        return self.ca.valid_authorizations() if self.case.account == "given back" else []

    def right(self) -> int:
        return Certificate.objects.filter(owner__in=[self.first, self.second]).count() - len(self.wrong())

    def tidy(self) -> None:
        AcmeOrder.objects.filter(due_at__isnull=False).update(due_at=None, ended_at=timezone.now())

    def story(self) -> str:
        columns = ("attempt", "status", "waiting_for", "problem", "tries", "due_at", "ended_at")
        mine = AcmeOrder.objects.filter(issuance__in=self.wishes.values())
        return str(list(mine.order_by("pk").values(*columns)))
