"""Every usual slip in a zone: a real BIND serves it, we name it, and the very line we tell repairs it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import dns.message
import dns.query
import pytest

from tests.conftest import NOW
from tests.validation.misconfigured.cases_dns import TABLE, VALUE
from tests.validation.misconfigured.world import anchor, key_of
from validation import doctor
from validation.answers import Server
from validation.methods import METHODS
from validation.methods.dns_01 import Dns01
from validation.problems import Finding
from validation.resolver import Resolver

pytestmark = pytest.mark.server


@pytest.fixture
def look(walking, alice, authorization_of):
    """Look at a name; the same row each time."""
    rows = {}

    def at(identifier: str, publics: list[Server] | None = None) -> Finding:
        row = rows.get(identifier) or rows.setdefault(identifier, authorization_of(alice, identifier))
        return Dns01(make_resolver=lambda: walking(publics=publics)).look(row, row.challenge(), NOW)

    return at


@pytest.mark.parametrize("case", TABLE)
def test_a_slip_is_named_and_its_line_repairs_it(world, look, alice, authorization_of, case):
    entry = TABLE[case]
    identifier, zone = entry.identifier(case), f"{case}.example"
    if entry.slug == "dns_stale_value":
        authorization_of(alice, identifier, token="earlier", key_authorization="earlier.thumb")
    finding = look(identifier)
    assert finding.slug == entry.slug
    assert not finding.in_place
    assert finding.repair == f'_acme-challenge.{identifier}. 300 IN TXT "{VALUE}"'
    assert finding.facts["zone"] == zone
    assert finding.seen.isprintable()
    assert "–" not in f"{finding.title}{finding.advice}"
    for record in finding.remove:
        world.remove(record, zone)
    world.publish(finding.repair, zone)
    assert look(identifier).in_place


@pytest.mark.parametrize("case", ["late", "older", "half-alias"])
def test_servers_that_disagree_are_named_until_the_last_one_has_it(world, look, case):
    finding = look(f"{case}.example")
    assert (finding.slug, finding.facts["lacking"]) == ("dns_some_servers", "ns2.host.example (::1)")
    alias = "_acme-challenge.half-alias.example. 60 IN CNAME dcv.half-alias.example."
    line = f'_acme-challenge.{case}.example. 60 IN TXT "{VALUE}"'
    world.publish(alias if case == "half-alias" else line, f"{case}.example", "::1")
    if case == "half-alias":
        world.publish(f'dcv.half-alias.example. 60 IN TXT "{VALUE}"', f"{case}.example", "::1")
    assert look(f"{case}.example").in_place


@pytest.mark.parametrize(
    ("identifier", "slug", "zone"),
    [
        ("lame.example", "dns_lame", "lame.example"),
        ("www.lame.example", "dns_lame", "lame.example"),
        ("dead.example", "dns_timeout", "dead.example"),
        ("nowhere.example", "dns_nxdomain_zone", "nowhere.example"),
        ("www.nowhere.test", "dns_nxdomain_zone", "nowhere.test"),
    ],
)
def test_a_domain_that_nobody_serves_is_told_as_such(look, identifier, slug, zone):
    finding = look(identifier)
    assert (finding.slug, finding.facts["zone"], finding.repair) == (slug, zone, "")
    assert zone in finding.title


def test_the_servers_that_know_nothing_are_named(look):
    assert "ns2.host.example (::1)" in look("lame.example").title


def test_a_long_answer_that_only_tcp_could_bring_is_told_until_tcp_is_open(world, look, firewall):
    finding = look("cut.example")
    assert (finding.slug, finding.repair) == ("dns_no_tcp", "")
    assert "udp.host.example (127.0.0.5)" in finding.facts["servers"]
    firewall.open_tcp()
    finding = look("cut.example")
    assert finding.slug == "dns_wrong_value"
    world.publish(finding.repair, "cut.example")
    assert look("cut.example").in_place


def test_a_server_without_tcp_is_named_after_trouble_and_holds_nothing_up(
    world, walking, firewall, alice, authorization_of, monkeypatch
):
    monkeypatch.setattr(Resolver, "configured", staticmethod(walking))
    monkeypatch.setitem(METHODS, "dns-01", Dns01(make_resolver=walking))
    row = authorization_of(alice, "udp-only.example")

    def examine() -> Finding:
        finding = doctor.examine(row, row.challenge(), NOW)
        row.finding = finding.as_json()
        return finding

    first = examine()
    assert (first.slug, first.in_place) == ("dns_nothing", False)
    world.publish(first.repair, "udp-only.example")
    finding = examine()
    assert (finding.slug, finding.in_place) == ("dns_in_place_without_tcp", True)
    assert "udp.host.example (127.0.0.5) does not answer over TCP" in finding.title
    # It was in place already: nobody is asked again.
    assert examine().slug == "in_place"
    row.finding = first.as_json()
    firewall.open_tcp()
    assert examine().slug == "in_place"


@pytest.mark.parametrize("case", ["expired", "forged", "broken"])
def test_dnssec_that_fails_is_told_as_such(look, case):
    finding = look(f"{case}.example")
    assert (finding.slug, finding.repair) == ("dns_bogus", "")
    assert f"{case}.example" in finding.title


def test_a_key_that_the_registry_vouches_for_repairs_dnssec(world, look):
    before = dict(world.anchors)
    assert look("broken.example").slug == "dns_bogus"
    key = key_of(world.folder, "broken.example")
    world.vouch(before | {"broken.example": anchor(world.folder, "broken.example", key)})
    try:
        _until(lambda: look("broken.example").in_place)
    finally:
        world.vouch(before)
        _until(lambda: look("broken.example").slug == "dns_bogus")


def test_a_public_resolver_that_remembers_the_no_is_named_with_the_time(world, look):
    public = Server("127.0.0.1", world.resolver)
    query = dns.message.make_query("_acme-challenge.remembered.example", "TXT")
    line = look("remembered.example").repair
    dns.query.udp(query, public.address, port=public.port, timeout=5)
    world.publish(line, "remembered.example")
    finding = look("remembered.example", [public])
    assert finding.slug == "dns_remembered"
    assert (
        timedelta(0) <= datetime.fromisoformat(finding.facts["negative_until"]) - NOW <= timedelta(seconds=5)
    )
    assert "will keep saying no until" in finding.title
    assert " UTC" in finding.title
    _until(lambda: look("remembered.example", [public]).in_place)


def test_how_long_a_no_is_remembered_is_the_zones_own_word(look):
    finding = look("nothing-yet.half-cloud.example")
    assert finding.until == NOW + timedelta(seconds=60)


def test_the_provider_is_known_by_its_name_servers_and_its_form_spoken(look):
    finding = look("www.half-cloud.example")
    assert finding.facts["provider"] == "cloudflare"
    assert finding.facts["host"] == "_acme-challenge.www"


def _until(true) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)
