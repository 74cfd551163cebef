"""A fetcher, and one that may go through a single door."""

from __future__ import annotations

import pytest

from tests.validation.fake_web import (
    FakeWeb,
)
from validation.addresses import networks
from validation.answers import Server
from validation.fetcher import Fetcher
from validation.resolver import Resolver


@pytest.fixture
def fetcher(dns, web) -> Fetcher:
    dns.add("shop.example", "A", "127.0.0.1")
    return Fetcher.configured()


def doors() -> tuple[FakeWeb, FakeWeb]:
    """Two servers on one port of two addresses; a port that a connection of some other test holds is passed over."""
    for _try in range(20):
        front = FakeWeb("127.0.0.2")
        try:
            return front, FakeWeb("127.0.0.1", port=front.port)
        except OSError:
            front.close()
    raise AssertionError("no port is free on both addresses")


@pytest.fixture
def guarded(dns, web):
    """A fetcher that may reach 127.0.0.2 only, with a canary behind every other door."""
    front, canary = doors()
    dns.add("shop.example", "A", "127.0.0.2")
    fetcher = Fetcher(
        resolver=lambda deadline: Resolver(nameservers=[Server("127.0.0.1", dns.port)], deadline=deadline),
        allowed=networks(["127.0.0.2/32"]),
        ports={80: front.port, front.port: front.port, 443: front.port},
        seconds=3,
    )
    yield fetcher, front, canary
    front.close()
    canary.close()
