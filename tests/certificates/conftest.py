"""A fake DNS, and the customer's site as the installation test finds it: TLS servers on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.certificates.served import FakeSite
from tests.validation.fake_dns import FakeDns


@pytest.fixture
def dns(settings) -> Iterator[FakeDns]:
    server = FakeDns()
    settings.VALIDATION_NAMESERVERS = [server.text]
    yield server
    server.close()


@pytest.fixture
def names(dns, settings) -> FakeDns:
    settings.VALIDATION_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    return dns


@pytest.fixture
def open_site(settings) -> Iterator[Callable[..., FakeSite]]:
    """Start TLS servers; all share the port of the first, on other addresses."""
    started: list[FakeSite] = []

    def start(*args, **kwargs) -> FakeSite:
        site = FakeSite(*args, port=started[0].port if started else 0, **kwargs)
        started.append(site)
        settings.INSTALLATION_TLS_PORT = site.port
        return site

    yield start
    for site in started:
        site.close()
