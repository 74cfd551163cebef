"""Two CAs, certificates of the first, and a desk that works the queues of a mass reissue on a clock that jumps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone

from certificates.campaigns import engine, steering
from certificates.models import CaAccount, Campaign, Certificate, ProductIssuer
from certificates.renewal.opening import open_row
from orders.models import Plan
from portal import sweeping
from tests.certificates.issuance.desk import Desk
from tests.certificates.issuance.little_ca import LittleCa
from tests.factories import CaAccountFactory, certificate_for, plan_for
from tests.validation.fake_dns import FakeDns

QUEUES = ("campaigns", "acme_orders", "renewals")


@dataclass
class CampaignDesk(Desk):
    """`account` is the CA that is left, `other` the one that is gone to; `ca` belongs to `other`."""

    other: CaAccount = None

    def certificate(self, owner, *names: str, **changes) -> Certificate:
        """A certificate of the first CA, whose product the other can fulfil too."""
        plan = plan_for(owner, *names, account=self.account)
        Plan.objects.filter(pk=plan.pk).update(starts_at=self.now, ends_at=self.now + timedelta(days=365))
        ProductIssuer.objects.create(product=plan.product, account=self.other, position=1)
        row = certificate_for(plan, issued_at=self.now, **changes)
        Certificate.objects.filter(pk=row.pk).update(account=self.account)
        row.refresh_from_db()
        open_row(row, self.now)
        return row

    def start(self, operator, per_hour: int = 60, **accounts) -> Campaign:
        given = {"from_account": self.account, "to_account": self.other} | accounts
        return steering.start(**given, reason="the CA closes", per_hour=per_hour, by=operator, now=self.now)

    def work(self) -> bool:
        """Work one due row of the campaigns queue."""
        return sweeping.work_one("campaigns")

    def claim(self, campaign: Campaign) -> Campaign:
        Campaign.objects.filter(pk=campaign.pk).wake(self.now)
        return Campaign.objects.claim(campaign.pk, self.now)

    def go_on(self, campaign: Campaign) -> None:
        engine.go_on(self.claim(campaign), self.now)
        campaign.refresh_from_db()

    def live(self, span: timedelta) -> None:
        end = self.now + span
        while self.now < end:
            if self.shows:
                self.show_all()
            rows = [sweeping.QUEUES[name][0].filter(due_at__isnull=False) for name in QUEUES]
            moments = [
                max(filter(None, pair))
                for queue in rows
                for pair in queue.values_list("due_at", "lease_until")
            ]
            due = min([*moments, end])
            if due >= self.now:
                self.clock.move_to(due + timedelta(milliseconds=1))
            for name in QUEUES:
                sweeping.work_one(name)


@pytest.fixture
def little_ca(tmp_path: Path) -> Iterator[LittleCa]:
    server = LittleCa(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def desk(db, little_ca: LittleCa, dns: FakeDns) -> Iterator[CampaignDesk]:
    left = CaAccountFactory(name="CA X", directory_url="https://127.0.0.1:1/directory")
    other = CaAccountFactory(
        name="CA Y",
        directory_url=little_ca.url("/directory"),
        roots_pem=little_ca.roots_pem,
        caa_identities=["y.example"],
    )
    with time_machine.travel(timezone.now(), tick=True) as clock:
        yield CampaignDesk(little_ca, left, clock, other=other)
