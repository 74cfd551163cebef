"""A real CA for the engine, and small words to drive it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone

from certificates import issuance
from certificates.models import AcmeOrder, CaAccount, Issuance
from tests.certificates.issuance.desk import Desk
from tests.certificates.issuance.little_ca import LittleCa
from tests.contracts.ca import CaServer, running_pebble
from tests.factories import CaAccountFactory
from validation.models import Authorization


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaServer]:
    settings = {
        "PEBBLE_WFE_NONCEREJECT": "15",
        "PEBBLE_AUTHZREUSE": "100",
        "PEBBLE_WFE_ORDERS_PER_PAGE": "50",
    }
    with running_pebble(
        tmp_path_factory.mktemp("pebble"), blocked=["blocked.example"], environment=settings
    ) as server:
        yield server


@pytest.fixture
def account(db, pebble: CaServer) -> CaAccount:
    return CaAccountFactory(
        directory_url=pebble.directory_url, roots_pem=pebble.roots_pem, terms_agreed_at=timezone.now()
    )


@pytest.fixture
def little_ca(tmp_path: Path) -> Iterator[LittleCa]:
    server = LittleCa(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def desk(db, little_ca: LittleCa) -> Iterator[Desk]:
    """A small CA, an account at it, and a clock that jumps."""
    account = CaAccountFactory(directory_url=little_ca.url("/directory"), roots_pem=little_ca.roots_pem)
    with time_machine.travel(timezone.now(), tick=True) as clock:
        yield Desk(little_ca, account, clock)


def step(order: AcmeOrder) -> bool:
    """Let a worker take the order if it is due; False when it is not."""
    claimed = AcmeOrder.objects.claim(order.pk, timezone.now())
    if claimed is None:
        return False
    issuance.advance(claimed)
    return True


def show(order: AcmeOrder) -> None:
    """Stand in for the lookout, which has its own tests: every record is in place."""
    Authorization.objects.filter(acme_orders=order, status="pending").update(
        shown_at=timezone.now(), due_at=None
    )
    AcmeOrder.objects.filter(pk=order.pk).wake(timezone.now())


def run_until(wanted: Issuance, done: Callable[[], bool], seconds: float = 20.0) -> None:
    """Work like a sweeper until `done`, always on the newest order of the issuance."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, _story(wanted)
        for order in wanted.acme_orders.order_by("attempt"):
            step(order)
        time.sleep(0.02)


def issue(wanted: Issuance) -> None:
    """Drive an issuance whose records are in place to its certificate."""

    def settled() -> bool:
        wanted.refresh_from_db()
        for order in wanted.acme_orders.filter(waiting_for="customer", status="pending", answered_at=None):
            show(order)
        return wanted.state != "wanted" and not wanted.acme_orders.filter(due_at__isnull=False).exists()

    run_until(wanted, settled)


def _story(wanted: Issuance) -> str:
    return str(
        list(wanted.acme_orders.values("attempt", "status", "waiting_for", "problem", "tries", "due_at"))
    )
