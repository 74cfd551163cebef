"""The servers that tests set up: whoever closes one may start the next at the same port at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.free_ports import free_port
from tests.certificates.served import FakeSite
from tests.validation.fake_dns import FakeDns
from tests.validation.fake_web import FakeWeb
from tests.validation.misconfigured.world import Firewall


def open_firewall(port: int) -> Firewall:
    firewall = Firewall(port)
    firewall.open_tcp()
    return firewall


@pytest.mark.parametrize(
    "start",
    [
        Firewall,
        open_firewall,
        lambda port: FakeDns(port=port),
        lambda port: FakeWeb(port=port),
        lambda port: FakeSite(port=port),
    ],
    ids=["firewall", "open firewall", "DNS", "web", "TLS"],
)
def test_a_closed_one_has_left_its_port(
    start: Callable[[int], Firewall | FakeDns | FakeWeb | FakeSite],
) -> None:
    port = free_port()
    for _ in range(30):
        start(port).close()
