"""Two real CAs, the first of which dies: the order comes to its certificate at the second, with the same key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import Letter
from audit.models import Entry
from certificates import issuance, keys, vault
from certificates.issuance import choosing
from certificates.models import CaAccount, Certificate, Issuance, ProductIssuer
from tests.certificates.issuance.conftest import issue, run_until, show
from tests.certificates.issuance.desk import check_rows, newest
from tests.contracts.ca import CaServer, running_pebble
from tests.factories import CaAccountFactory, plan_for

pytestmark = [pytest.mark.town, pytest.mark.django_db]


@pytest.fixture
def two(tmp_path: Path, settings) -> Iterator[tuple[CaServer, CaServer]]:
    settings.CA_OUTAGE_SECONDS = 2
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    with running_pebble(folders[0]) as first, running_pebble(folders[1]) as second:
        yield first, second


def account_at(server: CaServer, name: str) -> CaAccount:
    return CaAccountFactory(
        name=name,
        directory_url=server.directory_url,
        roots_pem=server.roots_pem,
        terms_agreed_at=timezone.now(),
    )


def wish(owner, two: tuple[CaServer, CaServer]) -> Issuance:
    plan = plan_for(owner, "shop.example", "*.shop.example", account=account_at(two[0], "First"))
    ProductIssuer.objects.create(product=plan.product, account=account_at(two[1], "Second"), position=1)
    return issuance.request(plan, by=owner, now=timezone.now())


def check(wanted: Issuance) -> None:
    certificate = Certificate.objects.get(issuance=wanted)
    wanted.refresh_from_db()
    assert certificate.account.name == "Second"
    assert wanted.acme_orders.filter(finalizing_at__isnull=False).count() == 1
    key = keys.load_own(vault.open_key(wanted.key))
    assert keys.spki_sha256(key.public_key()) == certificate.spki_sha256
    assert Entry.objects.filter(action="acme_order:switched", plan_id=wanted.plan_id).count() == 1
    assert Letter.objects.filter(kind="certificate_issued").count() == 1
    check_rows()


def test_a_ca_that_dies_before_the_order_is_replaced(alice, two):
    two[0].process.kill()
    two[0].process.wait()
    wanted = wish(alice, two)
    run_until(wanted, lambda: newest(wanted).account.name == "Second")
    issue(wanted)
    check(wanted)
    assert not Letter.objects.filter(kind="ca_moved").exists()


def test_a_ca_that_dies_when_the_customer_has_published_is_replaced_after_long(alice, two, monkeypatch):
    monkeypatch.setattr(choosing, "SHOWN", timedelta(seconds=4))
    wanted = wish(alice, two)
    run_until(wanted, lambda: newest(wanted).waiting_for == "customer")
    two[0].process.kill()
    two[0].process.wait()
    first = newest(wanted)
    show(first)
    run_until(wanted, lambda: newest(wanted).attempt == 2, seconds=40)
    assert Letter.objects.filter(kind="ca_moved").count() == 1
    # The first CA never comes back: what is left there is asked for seldom, and keeps nobody.
    run_until(wanted, lambda: newest(wanted).waiting_for == "customer")
    show(newest(wanted))
    run_until(wanted, lambda: Certificate.objects.filter(issuance=wanted).exists())
    check(wanted)
    first.refresh_from_db()
    assert first.due_at is None or first.due_at > timezone.now()
