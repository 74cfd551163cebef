"""One BIND for all the cases, and looks that begin at its root."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.validation.misconfigured import cases_caa, cases_dns, cases_persist
from tests.validation.misconfigured.world import BASE, TWO_NS, Firewall, World, running_world
from validation.addresses import networks
from validation.answers import Server
from validation.deadline import Deadline
from validation.fetcher import Fetcher
from validation.resolver import Resolver

LOOPBACK = networks(["127.0.0.0/8", "::1/128"])
VALUE = cases_dns.VALUE
UDP_NS = "@ IN NS udp.host.example.\n"
# Cases that more than one server, or another cure than a line in the zone, belongs to.
OTHERS = {
    "late": TWO_NS + f'_acme-challenge IN TXT "{VALUE}"',
    "older": TWO_NS + f'_acme-challenge IN TXT "{VALUE}"',
    "half-alias": TWO_NS + "_acme-challenge IN CNAME dcv.half-alias.example.\n" + f'dcv IN TXT "{VALUE}"',
    "broken": f'_acme-challenge IN TXT "{VALUE}"',
    "expired": f'_acme-challenge IN TXT "{VALUE}"',
    "forged": '_acme-challenge IN TXT "to-be-forged"',
    "half-cloud": "@ IN NS ada.ns.cloudflare.com.\n@ IN NS bob.ns.cloudflare.com.\n@ IN NS ns1.host.example.",
    "remembered": "",
    "cut": UDP_NS + cases_dns.TABLE["large-set"].records,
    "udp-only": UDP_NS,
    "unrouted": "@ IN A 127.255.255.255",
    "half-routed": "@ IN A 127.0.0.1\n@ IN A 127.255.255.255",
    "web": "@ IN A 127.0.0.1",
    "shop": "@ IN A 127.0.0.1\nwww IN A 127.0.0.1",
    "dual": "@ IN A 127.0.0.1\n@ IN AAAA ::1",
    "two": "@ IN A 127.0.0.1\n@ IN A 127.0.0.2",
    "inner": "@ IN A 127.0.0.1\n@ IN A 192.168.0.10",
    "nowhere-to-go": "",
    "private": "@ IN A 10.0.0.1\nmetadata IN A 169.254.169.254\nlinklocal IN AAAA fe80::1\nmapped IN AAAA ::ffff:10.0.0.1",
    "closed": "@ IN A 127.0.0.9",
}
FORMER = {
    "late.example": "",
    "older.example": '_acme-challenge IN TXT "an older value"',
    "half-alias.example": "",
}
DELEGATIONS = "lame IN NS ns2.host.example.\ndead IN NS nobody.host.example.\nnobody.host IN A 127.0.0.4\n"


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> Iterator[World]:
    records = {name: case.records for name, case in cases_dns.TABLE.items()}
    records |= OTHERS | {name: case.records for name, case in cases_caa.TABLE.items()}
    records |= {name: case.records for name, case in cases_persist.TABLE.items()}
    zones = {
        f"{name}.example": f"{BASE if name not in OTHERS else ''}{text}\n" for name, text in records.items()
    }
    folder = tmp_path_factory.mktemp("world")
    with running_world(
        folder, zones, {zone: text + "\n" for zone, text in FORMER.items()}, DELEGATIONS
    ) as running:
        yield running


@pytest.fixture
def firewall(world) -> Iterator[Firewall]:
    before_it = Firewall(world.port)
    yield before_it
    before_it.close()


@pytest.fixture
def walking(world) -> Callable[..., Resolver]:
    """A resolver that begins at this world's root, and believes what its validating resolver does."""

    def make(deadline: Deadline | None = None, publics: list[Server] | None = None) -> Resolver:
        return Resolver(
            recursives=[Server("127.0.0.1", world.resolver)], allowed=LOOPBACK, port=world.port, publics=publics or [],
            deadline=deadline,
        )  # fmt: skip

    return make


@pytest.fixture
def fetching(walking) -> Callable[[int, int], Callable[[], Fetcher]]:
    """A fetcher of this world, by the ports that are 80 and 443 there."""

    def make(http: int, tls: int = 1, seconds: float = 4.0) -> Callable[[], Fetcher]:
        ports = {80: http, 443: tls}
        return lambda: Fetcher(resolver=walking, allowed=LOOPBACK, ports=ports, seconds=seconds)

    return make
