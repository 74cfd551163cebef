"""Random walks on a real CA: workers that die, sleep and overlap; customers who want the same names."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from accounts.models import Letter
from certificates import connection, issuance
from certificates.connectors.acme import AcmeConnector
from certificates.connectors.problems import LOCAL_PREFIX, Problem, TryAgain
from certificates.models import AcmeOrder, Certificate, Issuance, PrivateKey
from leases import LeaseLost
from leases.rows import Leased
from tests.certificates.issuance.desk import check_certificate, check_queue
from tests.contracts.ca import running_pebble
from tests.factories import CaAccountFactory, UserFactory, plan_for
from validation.models import Authorization, Control

pytestmark = [pytest.mark.town, pytest.mark.django_db]

WALKS = 10
# After so long a walk goes on without further faults, and then it must end.
PER_WALK = 6.0
PATIENCE = 90.0
NAMES = ["shop.example", "*.shop.example", "www.shop.example", "other.example", "xn--bcher-kva.example"]
VERBS = {
    "register", "account", "new_order", "order", "authorization", "answer",
    "finalize", "certificate", "deactivate_authorization",
}  # fmt: skip


class Killed(BaseException):
    """The process is gone: no handler of ours may run."""


class Fates:
    """A seeded decision before and after each request and each write."""

    def __init__(self) -> None:
        self.dice = random.Random(0)
        self.rate = 0.0
        self.met: Counter[str] = Counter()
        self.signed: Counter[str] = Counter()
        self.at_work: list[AcmeOrder] = []

    def strikes(self, what: str) -> bool:
        struck = self.dice.random() < self.rate
        self.met[what] += struck
        return struck


FATES = Fates()


class Fateful(AcmeConnector):
    """Real requests; now and then the worker dies before or after one, or its answer gets lost."""

    def __getattribute__(self, name):
        method = super().__getattribute__(name)
        if name not in VERBS:
            return method

        def fateful(*args, **kwargs):
            if FATES.strikes(f"killed before {name}"):
                raise Killed
            if FATES.strikes(f"overtaken before {name}"):
                overtake()
            answer = method(*args, **kwargs)
            if name == "finalize":
                FATES.signed[args[0]] += 1
            if FATES.strikes(f"killed after {name}"):
                raise Killed
            if FATES.strikes(f"overtaken after {name}"):
                overtake()
            if FATES.strikes(f"answer of {name} lost"):
                raise TryAgain(Problem(LOCAL_PREFIX + "transport", "lost"), may_have_acted=True)
            return answer

        return fateful


@pytest.fixture(scope="module")
def rough_pebble(tmp_path_factory):
    settings = {
        "PEBBLE_WFE_NONCEREJECT": "15",
        "PEBBLE_AUTHZREUSE": "50",
        "PEBBLE_WFE_ORDERS_PER_PAGE": "50",
    }
    with running_pebble(tmp_path_factory.mktemp("rough"), environment=settings) as server:
        yield server


@pytest.fixture
def fateful(monkeypatch):
    """Connections that fail, writes that find their lease gone."""
    monkeypatch.setitem(connection.CONNECTORS, "acme", Fateful)
    write = Leased.write

    def contested(self, **values):
        if isinstance(self, AcmeOrder) and FATES.strikes("lease taken"):
            AcmeOrder.objects.filter(pk=self.pk).update(epoch=F("epoch") + 1)
        if isinstance(self, AcmeOrder) and FATES.strikes("killed at a write"):
            raise Killed
        write(self, **values)

    monkeypatch.setattr(Leased, "write", contested)
    return FATES


def overtake() -> None:
    """The worker stands still for longer than its lease; another one does all it can, then this one wakes up."""
    order = FATES.at_work[-1]
    AcmeOrder.objects.filter(pk=order.pk).update(
        lease_until=timezone.now() - timedelta(seconds=1), due_at=timezone.now()
    )
    work(order)


def work(order: AcmeOrder) -> None:
    """One worker takes one order; whatever ends it, its lease is left behind as a dead process leaves it."""
    claimed = AcmeOrder.objects.claim(order.pk, timezone.now())
    if claimed is None:
        return
    FATES.at_work.append(claimed)
    with suppress(Killed, LeaseLost):
        issuance.advance(claimed)
    FATES.at_work.pop()


@contextmanager
def luck(rate: float):
    FATES.rate = rate
    try:
        yield
    finally:
        FATES.rate = 0.0


def hurry() -> None:
    """Leases lapse and waits pass at once; what the customers must publish is in place."""
    now = timezone.now()
    for order in AcmeOrder.objects.filter(due_at__isnull=False):
        assert order.due_at - now < timedelta(days=8)
    AcmeOrder.objects.filter(due_at__isnull=False).update(lease_until=None, due_at=now)
    for row in AcmeOrder.objects.filter(problem__retry_at__isnull=False):
        AcmeOrder.objects.filter(pk=row.pk).update(problem=row.problem | {"retry_at": now.isoformat()})
    Authorization.objects.filter(status="pending").update(shown_at=now, due_at=None)


def walk(seed: int, account, people) -> list[Issuance]:
    """Two or three requests of two customers for overlapping names, worked on until all have ended."""
    FATES.dice = dice = random.Random(seed)
    wishes = []
    for _number in range(dice.choice([2, 2, 3])):
        owner, names = dice.choice(people), dice.sample(NAMES, dice.choice([1, 1, 2]))
        wishes.append(
            issuance.request(plan_for(owner, *names, account=account), by=owner, now=timezone.now())
        )
    type(account).objects.filter(pk=account.pk).update(shared=dice.random() < 0.5)
    end = time.monotonic() + PER_WALK
    with luck(dice.choice([0.02, 0.05, 0.1])):
        while AcmeOrder.objects.filter(due_at__isnull=False).exists():
            if time.monotonic() > end:
                FATES.rate = 0.0
            assert time.monotonic() < end + PATIENCE, f"walk {seed} does not end"
            hurry()
            orders = list(AcmeOrder.objects.filter(due_at__isnull=False))
            dice.shuffle(orders)
            for order in orders:
                work(order)
            check_queue()
    return wishes


def check_walk(wishes: list[Issuance]) -> None:
    for wanted in wishes:
        wanted.refresh_from_db()
        assert wanted.state == "issued", list(wanted.acme_orders.values("attempt", "status", "problem"))
        check_certificate(Certificate.objects.get(issuance=wanted))
        assert Letter.objects.filter(occasion=f"issued:{wanted.pk}").count() == 1
        assert wanted.acme_orders.filter(status="valid").count() == 1
        urls = wanted.acme_orders.exclude(finalize_url="").values_list("finalize_url", flat=True)
        assert sum(FATES.signed[url] for url in urls) == 1, (
            "the CA has signed for this request more than once"
        )
    assert PrivateKey.objects.count() == Issuance.objects.count()
    assert not Letter.objects.exclude(kind__in=["certificate_issued", "publish_again"]).exists()


def test_whatever_dies_and_whoever_overlaps_each_request_gets_its_one_certificate(db, rough_pebble, fateful):
    people = [UserFactory(), UserFactory()]
    account = CaAccountFactory(
        directory_url=rough_pebble.directory_url,
        roots_pem=rough_pebble.roots_pem,
        terms_agreed_at=timezone.now(),
    )
    for seed in range(WALKS):
        check_walk(walk(seed, account, people))
        # Each walk begins without proofs of the walks before it, but at a CA that remembers them.
        if seed % 3 == 0:
            Control.objects.update(expires_at=timezone.now())
    met = sum(FATES.met.values())
    sys.stdout.write(f"{WALKS} walks, {Certificate.objects.count()} certificates, {met} faults\n")
    assert met > WALKS
