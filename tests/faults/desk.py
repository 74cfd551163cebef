"""The desk at which a test works like a sweeper, at a real CA that misbehaves, on a clock that jumps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.test import Client
from django.urls import reverse

from accounts.models import Letter, User
from certificates.models import AcmeOrder, Certificate, Issuance
from outbound import Call, unwatch, watch
from outbound.calls import Moment
from tests.certificates.issuance.desk import Desk, newest
from tests.factories import CaAccountFactory, staff
from tests.faults.ca import SpoiltCa, pause_for_pebble
from tests.faults.seen import plain
from validation.models import Authorization, Control


@dataclass
class FaultDesk(Desk):
    """`ca` is a SpoiltCa. `seen` holds the business as it stood when the last request to the CA left."""

    people: dict[str, Client] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)

    def step(self) -> bool:
        """Work one due order as the sweeper does."""
        if AcmeOrder.objects.filter(finalizing_at__isnull=False, ended_at=None).exists():
            pause_for_pebble()
        return super().step()

    def until_struck(
        self, wanted: Issuance, count: int = 1, span: timedelta = timedelta(days=2)
    ) -> AcmeOrder:
        """Work until the faults in force have struck so often; return the newest order as that step left it."""
        self.run(span, until=lambda: self.ca.strikes >= count)
        assert self.ca.strikes >= count, f"never struck: {self.story(wanted)} {self.ca.asked_for}"
        wanted.refresh_from_db()
        return newest(wanted)

    def until_over(self, wanted: Issuance, span: timedelta = timedelta(days=2)) -> None:
        """Work until the certificate is there and everything that it leaves behind is tidied away."""
        self.run(span)
        assert Certificate.objects.filter(issuance=wanted).count() == 1, self.story(wanted)
        assert self.next_due() is None, self.story(wanted)
        self.check()

    def watch(self, wanted: Issuance) -> Callable[[], None]:
        """Note the business whenever a request leaves; call what is returned to end it."""

        def watcher(moment: Moment, this: Call) -> None:
            if moment == "before" and this.kind == "ca":
                self.seen = business(wanted)

        watch(watcher)
        return lambda: unwatch(watcher)

    # --- what people read ------------------------------------------------------------------------------------

    def page(self, user: User, url: str) -> str:
        """A page as this person gets it."""
        client = self.people.get(user.email)
        if client is None:
            client = self.people[user.email] = Client()
            client.force_login(user)
        answer = client.get(url)
        assert answer.status_code == 200, (answer.status_code, url)
        return answer.content.decode()

    def reads(self, user: User, name: str, *args: object) -> str:
        """The words of a page, as this person sees it."""
        page = self.page(user, reverse(name, args=args))
        return plain(page[page.find("<main") :])

    def customer_reads(self, wanted: Issuance) -> str:
        """SSL Overview and, while a request runs, step 4."""
        owner, plan = wanted.plan.owner, wanted.plan_id
        text = self.reads(owner, "overview", plan)
        if Issuance.objects.get(pk=wanted.pk).state == Issuance.State.WANTED:
            text += " " + self.reads(owner, "activation-approve", plan)
        return text

    def support_reads(self, wanted: Issuance) -> str:
        return self.reads(self.support, "staff_plan", wanted.plan_id)

    @property
    def support(self) -> User:
        return User.objects.filter(email="sue@portal.example").first() or staff(
            "sue@portal.example", "support"
        )


def desk_at(ca: SpoiltCa, clock: Any, **account: Any) -> FaultDesk:
    ca.heal()
    ca.asked_for.clear()
    row = CaAccountFactory(directory_url=ca.directory_url, roots_pem=ca.roots_pem, **account)
    return FaultDesk(ca, row, clock)


def business(wanted: Issuance) -> dict[str, Any]:
    """Everything that means something to the customer, and nothing about when we look next.

    Of an order, whether it has failed: how far the CA said it is may be written with what comes after (Leased.keep).
    """
    issuance = Issuance.objects.select_related("plan").get(pk=wanted.pk)
    orders = AcmeOrder.objects.filter(issuance=wanted).order_by("attempt")
    return {
        "issuance": (issuance.state, issuance.key_id, bytes(issuance.csr or b""), issuance.names),
        "plan": issuance.plan.state,
        "orders": [(row.attempt, row.status == "invalid", row.url, row.ended_at) for row in orders],
        "names": list(Authorization.objects.order_by("pk").values_list("url", "status", "shown_at")),
        "proofs": Control.objects.count(),
        "certificates": list(Certificate.objects.values_list("fingerprint", flat=True)),
        "letters": list(Letter.objects.values_list("occasion", flat=True)),
        "paused": list(CaAccountFactory._meta.model.objects.values_list("paused_at", flat=True)),
    }
