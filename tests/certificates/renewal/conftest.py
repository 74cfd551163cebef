"""A CA with renewal information, and a desk whose clock goes through every queue that a plan needs for a year."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone

from certificates import issuance, reminding
from certificates.models import CaAccount, Certificate, Issuance, RenewalInfo
from certificates.renewal import engine, opening
from orders.models import Plan
from portal import sweeping
from tests.certificates.issuance.desk import Desk
from tests.certificates.renewal.ari_ca import AriCa
from tests.factories import CaAccountFactory, plan_for

QUEUES = ("acme_orders", "renewals")


@dataclass
class YearDesk(Desk):
    """Works both queues and tidies once a day, as the sweeper does."""

    ca: AriCa

    def first(self, owner, *names: str, years: int = 1, pasted: str = "") -> Certificate:
        """The plan's first certificate, asked for by its owner."""
        plan = plan_for(owner, *names, account=self.account)
        Plan.objects.filter(pk=plan.pk).update(
            starts_at=self.now, ends_at=self.now + timedelta(days=365 * years)
        )
        plan.refresh_from_db()
        if pasted:
            type(plan.activation).objects.filter(plan=plan).update(csr_source="pasted", csr_pem=pasted)
        wanted = issuance.request(plan, by=owner, now=self.now)
        self.run(timedelta(minutes=10), until=lambda: Certificate.objects.filter(issuance=wanted).exists())
        self.run(timedelta(minutes=1))
        RenewalInfo.objects.filter(ask_at__isnull=False).update(ask_at=self.now)
        return Certificate.objects.get(issuance=wanted)

    def live(self, until: datetime, *, queues=QUEUES) -> None:
        """Let time pass with all its queues until then."""
        tidied = self.now
        while self.now < until:
            if self.shows:
                self.show_all()
            rows = [sweeping.QUEUES[name][0].filter(due_at__isnull=False) for name in queues]
            moments = [
                max(filter(None, pair))
                for queue in rows
                for pair in queue.values_list("due_at", "lease_until")
            ]
            due = min([*moments, tidied + timedelta(days=1), until])
            if due >= self.now:
                self.clock.move_to(due + timedelta(milliseconds=1))
            if self.now >= tidied + timedelta(days=1):
                tidied = self.now
                for work in (reminding.expire, reminding.end_plans, opening.open_missing, reminding.remind):
                    work(self.now)
            for name in queues:
                sweeping.work_one(name)
            assert Issuance.objects.filter(state="wanted").count() <= Plan.objects.count()

    def look(self, certificate: Certificate) -> RenewalInfo:
        """Have the row worked now, whatever it waits for."""
        RenewalInfo.objects.filter(certificate=certificate).update(due_at=self.now, lease_until=None)
        row = RenewalInfo.objects.claim(RenewalInfo.objects.get(certificate=certificate).pk, self.now)
        engine.look(row, self.now)
        return RenewalInfo.objects.get(certificate=certificate)


@pytest.fixture
def ari_ca(tmp_path: Path) -> Iterator[AriCa]:
    server = AriCa(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def account(db, ari_ca: AriCa) -> CaAccount:
    return CaAccountFactory(directory_url=ari_ca.url("/directory"), roots_pem=ari_ca.roots_pem)


@pytest.fixture
def desk(account: CaAccount, ari_ca: AriCa) -> Iterator[YearDesk]:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        yield YearDesk(ari_ca, account, clock)
