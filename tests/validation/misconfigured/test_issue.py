"""After the very line that we told, the same order issues, and not before: a CA that really looks, asking the same servers.

The tables of the other files, played by real orders; each table's orders run beside one another.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone

from sandbox.free_ports import free_port
from tests.conftest import COUNTED
from tests.contracts.ca import CaServer, running_pebble
from tests.factories import CaAccountFactory
from tests.validation.fake_web import FakeWeb, Page, page
from tests.validation.misconfigured import cases_caa, cases_dns, cases_http
from tests.validation.misconfigured.conftest import DELEGATIONS, OTHERS
from tests.validation.misconfigured.desk import Desk
from tests.validation.misconfigured.world import BASE, World, running_world
from validation.methods import METHODS
from validation.methods.dns_01 import Dns01
from validation.methods.http_01 import Http01
from validation.problems import Finding
from validation.resolver import Resolver

pytestmark = [pytest.mark.server, pytest.mark.town, pytest.mark.django_db]

TRIED = ("misconfigurations", "orders held up, then issued by the line we told")
HTTP_PORT = free_port()
WEB = "web.example"
# Names with an address too many: its removal is the cure, the file is there.
ADDRESSES = {
    "dual": ("@ IN A 127.0.0.1\n@ IN AAAA ::1", "http_ipv6"),
    "inner": ("@ IN A 127.0.0.1\n@ IN A 192.168.0.10", "http_some_addresses"),
}
ZONES = {f"{case}.example": BASE for case in [*cases_dns.TABLE, *cases_caa.TABLE]}
ZONES |= {f"{case}.example": records for case, (records, _slug) in ADDRESSES.items()}
ZONES |= {WEB: BASE + "* IN A 127.0.0.1", "private.example": OTHERS["private"], "insisted.example": BASE}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    """Zones as customers have them before they order."""
    zones = {zone: f"{records}\n" for zone, records in ZONES.items()}
    with running_world(tmp_path_factory.mktemp("orders"), zones, {}, DELEGATIONS) as running:
        yield running


@pytest.fixture(scope="module")
def strict_pebble(tmp_path_factory, world) -> Iterator[CaServer]:
    with running_pebble(
        tmp_path_factory.mktemp("pebble"),
        environment={"PEBBLE_VA_ALWAYS_VALID": "0", "PEBBLE_AUTHZREUSE": "0"},
        dns=f"127.0.0.1:{world.port}",
        http_port=HTTP_PORT,
    ) as server:
        yield server


@pytest.fixture
def desk(alice, strict_pebble, walking, fetching, monkeypatch) -> Desk:
    """The engine as it is, its looks beginning at this world's root."""
    monkeypatch.setattr(Resolver, "configured", staticmethod(walking))
    monkeypatch.setitem(METHODS, "dns-01", Dns01(make_resolver=walking))
    monkeypatch.setitem(METHODS, "http-01", Http01(make_fetcher=fetching(HTTP_PORT, seconds=4.0)))
    account = CaAccountFactory(
        directory_url=strict_pebble.directory_url,
        roots_pem=strict_pebble.roots_pem,
        terms_agreed_at=timezone.now(),
        caa_identities=["ca.example"],
    )
    return Desk(alice, account)


@pytest.fixture
def web() -> Iterator[FakeWeb]:
    server = FakeWeb(port=HTTP_PORT)
    server.pages |= cases_http.SITE
    yield server
    server.close()


def cure(world: World, finding: Finding) -> None:
    """Do in the zone what the finding says, and nothing else."""
    for record in finding.remove:
        world.remove(record, finding.facts["zone"])
    if finding.repair:
        world.publish(finding.repair, finding.facts["zone"])


def test_every_order_with_a_slip_in_its_zone_issues_after_the_line_we_told(
    desk, world, alice, authorization_of, record_property
):
    # Pebble's own DNS client takes an answer that was cut off over UDP for the whole, and asks no further over TCP.
    table = {case: entry for case, entry in cases_dns.TABLE.items() if case != "large-set"}
    for case, entry in table.items():
        if entry.slug == "dns_stale_value":
            authorization_of(
                alice, entry.identifier(case), token="earlier", key_authorization="earlier.thumb", due_at=None
            )
    desk.order({case: entry.identifier(case) for case, entry in table.items()})
    for case in table:
        challenge = desk.challenge(case)
        entry = cases_dns.table(challenge.token, challenge.key_authorization)[case]
        world.publish_all(entry.records, f"{case}.example")
    for finding in desk.told({case: entry.slug for case, entry in table.items()}).values():
        cure(world, finding)
    desk.issue()
    assert desk.wrong == {}
    record_property(COUNTED, (*TRIED, len(table)))


def test_every_order_that_caa_keeps_out_issues_after_the_line_we_told(desk, world, record_property):
    names = {
        case: f"{'*.' if entry.wildcard else ''}{entry.below}{case}.example"
        for case, entry in cases_caa.TABLE.items()
    }
    desk.order(names)
    desk.account.refresh_from_db()
    table = cases_caa.table(desk.account.account_url)
    for case, entry in table.items():
        world.publish_all(entry.records, f"{case}.example")
    for finding in desk.told(dict.fromkeys(table, "dns_nothing")).values():
        cure(world, finding)
    for finding in desk.told({case: entry.slug for case, entry in table.items()}).values():
        cure(world, finding)
    desk.issue()
    assert desk.wrong == {}
    record_property(COUNTED, (*TRIED, len(table)))


def test_every_order_behind_a_web_server_s_slip_issues_after_the_content_we_told(
    desk, world, web, record_property
):
    pages = {f"at the file: {case}": case for case in cases_http.TABLE}
    everything = {f"everywhere: {case}": body for case, body in cases_http.ALL_THE_SAME.items()}
    astray = {f"astray: {number}": number for number in range(len(cases_http.astray("")))}
    slugs = {name: cases_http.TABLE[case][1] for name, case in pages.items()}
    slugs |= dict.fromkeys(everything, "http_catch_all")
    names = {case: f"{_label(case)}.{WEB}" for case in [*pages, *everything, *astray]}
    desk.order(names, "http-01")
    for name, case in pages.items():
        challenge = desk.challenge(name)
        answer, _slug = cases_http.table(challenge.token, challenge.key_authorization)[case]
        web.pages[cases_http.FOLDER + challenge.token] = answer
    for name, number in astray.items():
        challenge = desk.challenge(name)
        path, slugs[name] = list(cases_http.astray(challenge.token).values())[number]
        web.pages[path] = page(challenge.key_authorization)
    web.otherwise = _by_host({names[case]: page(body) for case, body in everything.items()})
    for finding in desk.told(slugs).values():
        web.pages[finding.facts["folder"] + finding.facts["file_name"]] = page(finding.repair)
    desk.issue()
    assert desk.wrong == {}
    record_property(COUNTED, (*TRIED, len(names)))


def test_every_order_with_an_address_too_many_issues_after_its_removal(desk, world, web, record_property):
    desk.order({case: f"{case}.example" for case in ADDRESSES}, "http-01")
    for case in ADDRESSES:
        challenge = desk.challenge(case)
        web.pages[cases_http.FOLDER + challenge.token] = page(challenge.key_authorization)
    for case, finding in desk.told({case: slug for case, (_records, slug) in ADDRESSES.items()}).items():
        for record in finding.remove:
            world.remove(record, f"{case}.example")
    desk.issue()
    assert desk.wrong == {}
    record_property(COUNTED, (*TRIED, len(ADDRESSES)))


def test_the_ca_itself_refuses_what_we_hold_up(desk, world):
    desk.order({"insisted": "insisted.example"})
    world.publish_all('_acme-challenge IN TXT "something else"', "insisted.example")
    assert set(desk.told({"insisted": "dns_wrong_value"})) == {"insisted"}
    assert "unauthorized" in desk.refused("insisted")
    assert not desk.issued("insisted")


def _label(case: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in case.lower()).strip("-")


def _by_host(pages: dict[str, Page]) -> Page:
    """One server for several websites: what it answers anywhere, by the name that is asked."""

    def answer(conn, request: str) -> None:
        host = next(line[6:] for line in request.split("\r\n") if line.lower().startswith("host: "))
        pages.get(host.partition(":")[0], page("not found", 404))(conn, request)

    return answer
