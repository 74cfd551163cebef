"""After the very line that we told, the whole order issues: a CA that really looks, asking the same DNS."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.utils import timezone

from certificates import issuance
from certificates.models import Certificate, Issuance
from portal import sweeping
from tests.contracts.ca import CaServer, free_port, running_pebble
from tests.factories import CaAccountFactory, plan_for
from tests.validation import bind as real
from tests.validation.fake_web import FakeWeb, page
from validation.models import Authorization

pytestmark = [pytest.mark.server, pytest.mark.town, pytest.mark.django_db]

HTTP_PORT = free_port()
ZONES = {
    "wrong.example": '_acme-challenge IN TXT "something else"',
    "alias.example": "_acme-challenge IN CNAME nothing.alias.example.",
    "wild.example": '* IN TXT "v=spf1 -all"',
    "barred.example": '@ IN CAA 0 issue "another-ca.example"',
    "page.example": "@ IN A 127.0.0.1",
}


@pytest.fixture(scope="module")
def bind(tmp_path_factory) -> Iterator[real.Bind]:
    folder = tmp_path_factory.mktemp("bind")
    with real.running_bind(folder, ZONES, written=tuple(ZONES)) as server:
        yield server


@pytest.fixture(scope="module")
def strict_pebble(tmp_path_factory, bind) -> Iterator[CaServer]:
    with running_pebble(
        tmp_path_factory.mktemp("pebble"),
        environment={"PEBBLE_VA_ALWAYS_VALID": "0", "PEBBLE_AUTHZREUSE": "0"},
        dns=f"127.0.0.1:{bind.port}",
        http_port=HTTP_PORT,
    ) as server:
        yield server


@pytest.fixture
def account(db, strict_pebble, bind, settings):
    settings.VALIDATION_NAMESERVERS = [f"127.0.0.1:{bind.port}"]
    settings.VALIDATION_HTTP_PORT = HTTP_PORT
    settings.VALIDATION_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    return CaAccountFactory(
        directory_url=strict_pebble.directory_url,
        roots_pem=strict_pebble.roots_pem,
        terms_agreed_at=timezone.now(),
        caa_identities=["pebble.letsencrypt.org"],
    )


def work_until(true, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, list(Authorization.objects.values("identifier", "finding", "status"))
        if not [name for name in ("acme_orders", "authorizations") if sweeping.work_one(name)]:
            time.sleep(0.05)


def told(wanted: Issuance, slug: str):
    """Work until the one name of this order has that finding."""
    row = Authorization.objects.filter(acme_orders__issuance=wanted)
    work_until(lambda: row.exists() and row.get().finding.get("slug") == slug)
    return row.get().last_finding


def issued(wanted: Issuance) -> bool:
    Authorization.objects.filter(acme_orders__issuance=wanted, shown_at=None).update(due_at=timezone.now())
    return Certificate.objects.filter(issuance=wanted).exists()


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("wrong.example", "dns_wrong_value"),
        ("alias.example", "dns_cname_empty"),
        ("wild.example", "dns_wildcard_txt"),
    ],
)
def test_an_order_with_a_wrong_record_issues_after_the_line_we_told(alice, account, bind, name, slug):
    plan = plan_for(alice, name, account=account)
    wanted = issuance.request(plan, by=alice, now=timezone.now())
    finding = told(wanted, slug)
    assert not Certificate.objects.filter(issuance=wanted).exists()
    for record in finding.remove:
        real.take_away(bind, name, record)
    real.put(bind, name, finding.repair)
    work_until(lambda: issued(wanted))


def test_an_order_that_caa_keeps_out_issues_after_the_line_we_told(alice, account, bind):
    plan = plan_for(alice, "barred.example", account=account)
    wanted = issuance.request(plan, by=alice, now=timezone.now())
    real.put(bind, "barred.example", told(wanted, "dns_nothing").repair)
    finding = told(wanted, "caa_other_issuer")
    assert finding.repair == 'barred.example. CAA 0 issue "pebble.letsencrypt.org"'
    real.put(bind, "barred.example", finding.repair)
    work_until(lambda: issued(wanted))


@pytest.mark.django_db(transaction=True)
def test_an_order_behind_a_web_page_issues_after_the_content_we_told(alice, account):
    web = FakeWeb(port=HTTP_PORT)
    web.otherwise = page("<!doctype html><title>Shop</title>Welcome")
    try:
        plan = plan_for(alice, "page.example", account=account, method="http-01")
        wanted = issuance.request(plan, by=alice, now=timezone.now())
        finding = told(wanted, "http_catch_all")
        web.pages[f"/.well-known/acme-challenge/{finding.facts['file_name']}"] = page(finding.repair)
        work_until(lambda: issued(wanted))
    finally:
        web.close()
