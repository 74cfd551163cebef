"""The shop's look at DNS and CAA before payment, when the name servers say nothing: how long it takes, and what it tells."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.core.cache import cache

from identifiers.names import Name
from orders.sanity import Notice
from portal import precheck
from portal.precheck import caa_check
from tests.factories import CaAccountFactory, ProductFactory, ProductIssuerFactory
from tests.validation.fake_dns import FakeDns

pytestmark = pytest.mark.django_db

MANY = [Name(f"shop-{number}.example") for number in range(25)]


@pytest.fixture
def dns(settings) -> Iterator[FakeDns]:
    cache.clear()
    server = FakeDns()
    settings.VALIDATION_NAMESERVERS = [server.text]
    yield server
    server.close()


@pytest.fixture
def product(db):
    product = ProductFactory()
    ProductIssuerFactory(product=product, account=CaAccountFactory(caa_identities=["ca.example"]))
    return product


def test_no_order_waits_longer_than_eight_seconds_for_name_servers():
    assert precheck.SECONDS_EACH + precheck.SECONDS_TO_BEGIN <= 8


def test_twenty_five_silent_names_take_one_budget_and_stop_nothing(product, dns, monkeypatch):
    monkeypatch.setattr(precheck, "SECONDS_EACH", 2.0)
    monkeypatch.setattr(precheck, "SECONDS_TO_BEGIN", 1.0)
    dns.silent = True
    began = time.monotonic()
    told = caa_check(product, MANY)
    assert time.monotonic() - began < 25, "fifty seconds one after the other"
    assert [answer.name for answer in told] == MANY
    assert all(isinstance(answer, Notice) for answer in told)
    assert "could not read the CAA records of shop-24.example" in told[-1].message


def test_a_silent_name_is_not_asked_for_again_at_the_next_press(product, dns, monkeypatch):
    monkeypatch.setattr(precheck, "SECONDS_EACH", 1.0)
    dns.silent = True
    first = caa_check(product, MANY[:1])
    asked = len(dns.asked)
    assert caa_check(product, MANY[:1]) == first
    assert len(dns.asked) == asked > 0


def test_what_refuses_an_order_is_looked_at_anew_once_it_is_repaired(product, dns):
    dns.add("shop-0.example", "CAA", '0 issue "other.example"')
    (refusal,) = caa_check(product, MANY[:1])
    assert not isinstance(refusal, Notice)
    dns.add("shop-0.example", "CAA", '0 issue "ca.example"')
    assert caa_check(product, MANY[:1]) == []
