"""A desk at which a test works like the sweeper, on a clock that jumps to whatever is due next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from certificates import issuance
from certificates.models import AcmeOrder, CaAccount, Certificate, Issuance
from certificates.standing import Standing, standing_of, with_standing
from orders.models import Plan
from portal import sweeping
from tests.certificates.issuance.little_ca import LittleCa
from tests.factories import plan_for
from validation.models import Authorization, Control

# No order may cost more than this, whatever a CA does: the wait between two tries has to grow.
MOST_PER_HOUR = 120


@dataclass
class Desk:
    ca: LittleCa
    account: CaAccount
    clock: Any
    shows: bool = True

    @property
    def now(self) -> datetime:
        return timezone.now()

    def wish(self, owner, *names: str, **kwargs: Any) -> Issuance:
        plan = plan_for(owner, *names, account=self.account, **kwargs)
        return issuance.request(plan, by=owner, now=self.now)

    def wait(self, span: timedelta) -> None:
        self.clock.move_to(self.now + span)

    def next_due(self) -> datetime | None:
        rows = AcmeOrder.objects.filter(due_at__isnull=False)
        moments = [max(filter(None, pair)) for pair in rows.values_list("due_at", "lease_until")]
        return min(moments, default=None)

    def step(self) -> bool:
        """Work one due order as the sweeper does; False when none is due now."""
        return sweeping.work_one("acme_orders")

    def run(self, span: timedelta = timedelta(minutes=5), until: Callable[[], bool] | None = None) -> None:
        """Let `span` pass, or less when `until` comes true or nothing is left to do."""
        end = self.now + span
        while not (until and until()):
            if self.shows:
                self.show_all()
            due = self.next_due()
            if due is None:
                return
            if due > end:
                self.clock.move_to(end)
                return
            if due >= self.now:
                self.clock.move_to(due + timedelta(milliseconds=1))
            self.step()

    def run_until_issued(self, wanted: Issuance, span: timedelta = timedelta(days=2)) -> None:
        self.run(span, until=lambda: Certificate.objects.filter(issuance=wanted).exists())
        assert Certificate.objects.filter(issuance=wanted).count() == 1, self.story(wanted)
        self.run(timedelta(minutes=1))
        assert self.next_due() is None
        self.check()

    def settle(self, wanted: Issuance, span: timedelta = timedelta(hours=1)) -> AcmeOrder:
        """Let time pass and see that nothing runs hot and nothing is forgotten; return the newest order."""
        before = self.ca.counted
        self.run(span)
        hours = max(1, span / timedelta(hours=1))
        assert self.ca.counted - before < MOST_PER_HOUR * hours, self.ca.asked_for
        self.check()
        wanted.refresh_from_db()
        return newest(wanted)

    def show_all(self) -> None:
        waiting = AcmeOrder.objects.filter(waiting_for="customer", status="pending", answered_at=None)
        for order in waiting.filter(
            authorizations__status="pending", authorizations__shown_at=None
        ).distinct():
            if (order.problem or {}).get("type") != "chancery:method_not_offered":
                self.show(order)

    def show(self, order: AcmeOrder) -> None:
        """Stand in for the lookout: every record of this order is in place."""
        Authorization.objects.filter(acme_orders=order, status="pending").update(
            shown_at=self.now, due_at=None
        )
        AcmeOrder.objects.filter(pk=order.pk).wake(self.now)

    def story(self, wanted: Issuance) -> str:
        columns = ("attempt", "status", "waiting_for", "problem", "tries", "due_at", "ended_at")
        return str(list(wanted.acme_orders.order_by("attempt").values(*columns)))

    # --- what must always hold ------------------------------------------------------------------------------

    def check(self) -> None:
        check_rows()

    def standing(self, wanted: Issuance) -> Standing:
        return standing_of(with_standing(Plan.objects.filter(pk=wanted.plan_id)).get(), self.now)


def newest(wanted: Issuance) -> AcmeOrder:
    return wanted.acme_orders.order_by("-attempt").first()


def check_rows() -> None:
    """Every row has a next moment or an end, and every certificate is its owner's."""
    check_queue()
    for certificate in Certificate.objects.select_related("issuance__key"):
        check_certificate(certificate)


def check_queue() -> None:
    """Nothing waits without a moment at which somebody looks again."""
    forgotten = AcmeOrder.objects.filter(due_at=None, ended_at=None)
    assert not forgotten.exists(), f"{forgotten[0]} is forgotten"
    for wanted in Issuance.objects.filter(state="wanted"):
        last = newest(wanted)
        assert last.due_at is not None or (last.status, last.waiting_for) == ("invalid", "customer"), last
    unseen = Authorization.objects.filter(status="pending", due_at=None, shown_at=None, insisted_at=None)
    assert not unseen.filter(acme_orders__ended_at=None, acme_orders__isnull=False).exists()


def check_certificate(certificate: Certificate) -> None:
    """Rules one and three of the design."""
    if certificate.issuance.key is not None:
        assert certificate.spki_sha256 == certificate.issuance.key.spki_sha256
    for name in certificate.issuance.names:
        mine = Control.objects.filter(
            owner=certificate.owner, identifier=name["ascii"], wildcard=name["wildcard"]
        ).filter(shown_at__lte=certificate.issued_at, expires_at__gt=certificate.issued_at)
        assert mine.exists(), f"{certificate.owner} never showed {name}"
