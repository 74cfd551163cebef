"""Two customers, every pair of related names, every order of events, a CA that reuses much: nobody gets another's."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass

import pytest
from django.utils import timezone

from certificates import issuance
from certificates.models import AcmeOrder, Certificate
from tests.certificates.issuance.conftest import run_until, step
from tests.certificates.issuance.desk import check_certificate, check_queue, newest
from tests.contracts.ca import running_pebble
from tests.factories import CaAccountFactory, UserFactory, plan_for
from validation.models import Authorization, Control

pytestmark = [pytest.mark.town, pytest.mark.django_db]

NAMES = {
    "single": "{}.example",
    "wildcard": "*.{}.example",
    "child": "www.{}.example",
    "parent": "example-{}.test",
    "child of parent": "shop.example-{}.test",
    "IDN": "xn--bcher-kva.{}.example",
}
# (what the owner of the domain proves, what the other customer wants without being able to prove anything)
PAIRS = [
    ("single", "single"), ("single", "wildcard"), ("wildcard", "single"), ("wildcard", "wildcard"),
    ("single", "child"), ("child", "single"), ("wildcard", "child"), ("parent", "child of parent"),
    ("child of parent", "parent"), ("IDN", "IDN"),
]  # fmt: skip
# a: the owner asks, A: the owner's certificate is issued, B: the other asks
EVENTS = ["aAB", "aBA", "BaA"]


@dataclass
class Scene:
    """One owner and one stranger at a shared account; the stranger never shows anything."""

    account: object
    owner: object
    stranger: object
    mine: object = None
    theirs: object = None

    def play(self, events: str, proven: str, wanted: str) -> None:
        for event in events:
            if event == "a":
                self.mine = self.ask(self.owner, proven)
            elif event == "B":
                self.theirs = self.ask(self.stranger, wanted)
                run_until(self.theirs, lambda: newest(self.theirs).waiting_for in {"customer", "operator"})
            else:
                self.issue_mine()
        self.work(8)

    def ask(self, who, name):
        plan = plan_for(who, name, account=self.account)
        return issuance.request(plan, by=who, now=timezone.now())

    def issue_mine(self) -> None:
        def issued() -> bool:
            Authorization.objects.filter(owner=self.owner, status="pending").update(
                shown_at=timezone.now(), due_at=None
            )
            AcmeOrder.objects.filter(issuance=self.mine).wake(timezone.now())
            self.mine.refresh_from_db()
            return self.mine.state == "issued"

        run_until(self.mine, issued)

    def work(self, rounds: int) -> None:
        """Everybody who has something to do does it, the stranger too."""
        for _round in range(rounds):
            AcmeOrder.objects.filter(due_at__isnull=False).update(due_at=timezone.now(), lease_until=None)
            for order in AcmeOrder.objects.filter(due_at__isnull=False):
                step(order)


@pytest.mark.parametrize(
    ("reuse", "shared", "orders_of_events"),
    [("0", True, EVENTS[:1]), ("50", True, EVENTS), ("100", True, EVENTS), ("100", False, EVENTS)],
    ids=["no reuse", "half", "all", "all, not given back"],
)
def test_no_certificate_reaches_a_customer_who_has_shown_nothing(
    db, tmp_path, reuse, shared, orders_of_events
):
    environment = {"PEBBLE_AUTHZREUSE": reuse, "PEBBLE_WFE_NONCEREJECT": "0"}
    cases = 0
    with running_pebble(tmp_path, environment=environment) as server:
        account = CaAccountFactory(
            directory_url=server.directory_url, roots_pem=server.roots_pem, terms_agreed_at=timezone.now(),
            shared=shared,
        )  # fmt: skip
        for (proven, wanted), events in itertools.product(PAIRS, orders_of_events):
            cases += 1
            word = f"case{cases}"
            scene = Scene(account, UserFactory(), UserFactory())
            scene.play(events, NAMES[proven].format(word), NAMES[wanted].format(word))
            check_certificate(Certificate.objects.get(owner=scene.owner))
            assert not Certificate.objects.filter(owner=scene.stranger).exists(), (proven, wanted, events)
            assert not Control.objects.filter(owner=scene.stranger).exists()
            assert not newest(scene.theirs).finalizing_at
            check_queue()
            AcmeOrder.objects.filter(issuance=scene.theirs).update(due_at=None, ended_at=timezone.now())
            issuance.withdraw(scene.theirs, by=scene.stranger, now=timezone.now())
    tempted = AcmeOrder.objects.filter(problem__type="chancery:not_this_customer").count()
    assert tempted or reuse != "100" or shared, "the CA never handed out another's proof: nothing was tested"
    sys.stdout.write(
        f"{cases} cases with AUTHZREUSE={reuse}, {tempted} times another's proof was offered: none was taken\n"
    )
