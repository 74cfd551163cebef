"""The outside world of the lookout's tests: a DNS server and web servers on loopback, and settings that lead there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.core.cache import cache

from tests.conftest import NOW
from tests.validation.fake_dns import FakeDns
from tests.validation.fake_web import FakeWeb
from validation.models import Authorization, Challenge

TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
KEY_AUTHORIZATION = f"{TOKEN}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"


@pytest.fixture
def dns(settings) -> Iterator[FakeDns]:
    """The server that is asked for everything."""
    cache.clear()
    server = FakeDns()
    settings.VALIDATION_NAMESERVERS = [server.text]
    yield server
    server.close()


@pytest.fixture
def open_web(settings) -> Iterator[Callable[..., FakeWeb]]:
    """Start web servers; the first one's port becomes port 80, and others may share it on other addresses."""
    started: list[FakeWeb] = []

    def start(address: str = "127.0.0.1", **kwargs) -> FakeWeb:
        port = kwargs.pop("port", started[0].port if started else 0)
        server = FakeWeb(address, port=port, **kwargs)
        started.append(server)
        if len(started) == 1:
            settings.VALIDATION_HTTP_PORT = server.port
        return server

    settings.VALIDATION_ALLOWED_NETWORKS = ["127.0.0.0/8", "::1/128"]
    yield start
    for server in started:
        server.close()


@pytest.fixture
def web(open_web) -> FakeWeb:
    return open_web()


@pytest.fixture
def authorization_of(db) -> Callable[..., Authorization]:
    """Build a pending authorization with both challenges, due now."""

    def build(
        owner, identifier: str = "shop.example", *, method: str = "dns-01", wildcard: bool = False, **kwargs
    ):
        number = Authorization.objects.count()
        columns = {
            "url": f"https://ca.example/authz/{number}",
            "created_at": NOW,
            "due_at": NOW,
            "expires_at": NOW + timedelta(days=7),
        } | kwargs
        token, key = columns.pop("token", TOKEN), columns.pop("key_authorization", KEY_AUTHORIZATION)
        row = Authorization.objects.create(
            owner=owner, identifier=identifier, method=method, wildcard=wildcard, **columns
        )
        for kind in ["dns-01"] if wildcard else ["dns-01", "http-01"]:
            Challenge.objects.create(
                authorization=row, url=f"{row.url}/{kind}", type=kind, token=token, key_authorization=key
            )
        return row

    return build
