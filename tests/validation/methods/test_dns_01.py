"""validation/methods/dns_01.py: every usual slip gets its own word and the line that repairs it."""

from __future__ import annotations

from datetime import timedelta

import dns.rcode
import pytest

from tests.conftest import NOW
from tests.validation.conftest import KEY_AUTHORIZATION
from tests.validation.fake_dns import FakeDns
from validation.addresses import networks
from validation.answers import Server
from validation.methods.dns_01 import Dns01, value_of
from validation.models import Challenge
from validation.resolver import Resolver

VALUE = value_of(KEY_AUTHORIZATION)
NAME = "_acme-challenge.shop.example"


def look(row, method: Dns01 | None = None):
    return (method or Dns01()).look(row, row.challenge(), NOW)


@pytest.fixture
def row(alice, authorization_of, dns):
    return authorization_of(alice)


def test_the_value_is_the_digest_of_rfc_8555():
    # Independent of our code: printf %s <key authorization> | openssl dgst -sha256 -binary | basenc --base64url
    assert value_of("token.thumbprint") == "61rBZ_4knHblO0MNoxFsXZ_eTFUHum0B6IVRbhvUn5I"
    assert len(VALUE) == 43


def publish_nothing(dns):
    pass


def publish(*values: str, at: str = NAME):
    return lambda dns: dns.add(at, "TXT", *(f'"{value}"' for value in values))


def alias(target: str, *values: str):
    def put(dns):
        dns.add(NAME, "CNAME", target)
        if values:
            dns.add(target, "TXT", *(f'"{value}"' for value in values))

    return put


def fail(rcode):
    return lambda dns: dns.fail(NAME, rcode)


# Nothing that could be published is the cure of these.
NO_LINE = ("dns_servfail", "dns_timeout", "dns_bogus", "dns_lame")
TABLE = {
    "right": (publish(VALUE), "in_place"),
    "right among others": (publish("x", VALUE, "y"), "in_place"),
    "right in two strings": (lambda dns: dns.add(NAME, "TXT", f'"{VALUE[:20]}" "{VALUE[20:]}"'), "in_place"),
    "right through an alias": (alias("abc.dcv.example.", VALUE), "in_place"),
    "nothing": (publish_nothing, "dns_nothing"),
    "only an address": (lambda dns: dns.add(NAME, "A", "192.0.2.1"), "dns_nothing"),
    "another value": (publish("google-site-verification=abc"), "dns_wrong_value"),
    "another acme value": (publish(value_of("other.thing")), "dns_wrong_value"),
    "empty value": (publish(""), "dns_wrong_value"),
    "quotes inside": (publish(f'\\"{VALUE}\\"'), "dns_quotes"),
    "single quotes": (publish(f"'{VALUE}'"), "dns_quotes"),
    "typographic quotes": (publish(f"“{VALUE}”"), "dns_quotes"),
    "blank behind": (publish(f"{VALUE} "), "dns_trailing_data"),
    "blank before": (publish(f" {VALUE}"), "dns_trailing_data"),
    "ttl behind": (publish(f"{VALUE} 300"), "dns_trailing_data"),
    "dot behind": (publish(f"{VALUE}."), "dns_trailing_data"),
    "name before": (publish(f"_acme-challenge={VALUE}"), "dns_trailing_data"),
    "line end behind": (publish(f"{VALUE}\\010"), "dns_trailing_data"),
    "lower case": (publish(VALUE.lower()), "dns_case"),
    "cut off": (publish(VALUE[:32]), "dns_cut_off"),
    "first character": (publish(VALUE[0]), "dns_wrong_value"),
    "the http value": (publish(KEY_AUTHORIZATION), "dns_http_value"),
    "doubled host": (publish(VALUE, at=f"{NAME}.shop.example"), "dns_doubled_host"),
    "doubled host, quotes": (publish(f"'{VALUE}'", at=f"{NAME}.shop.example"), "dns_doubled_host"),
    "no underscore": (publish(VALUE, at="acme-challenge.shop.example"), "dns_missing_underscore"),
    "at the name itself": (publish(VALUE, at="shop.example"), "dns_at_apex"),
    "alias without value": (alias("abc.dcv.example."), "dns_cname_empty"),
    "alias with another value": (alias("abc.dcv.example.", "x"), "dns_cname_empty"),
    "alias made of the value": (alias(f"{VALUE}."), "dns_cname_instead"),
    "alias made of value and domain": (alias(f"{VALUE}.shop.example."), "dns_cname_instead"),
    "alias to itself": (alias(f"{NAME}."), "dns_cname_loop"),
    "failing": (fail(dns.rcode.SERVFAIL), "dns_servfail"),
    "refusing": (fail(dns.rcode.REFUSED), "dns_lame"),
    "silent": (lambda dns: setattr(dns, "silent", True), "dns_timeout"),
    "bogus": (lambda dns: (dns.bogus(NAME), dns.txt(NAME, VALUE)), "dns_bogus"),
}


@pytest.mark.parametrize("case", TABLE)
def test_every_misconfiguration_has_its_word_and_its_repair(row, dns, case):
    arrange, slug = TABLE[case]
    arrange(dns)
    finding = look(row)
    assert finding.slug == slug
    assert finding.in_place == (slug == "in_place")
    assert finding.repair == ("" if slug in NO_LINE else f'{NAME}. 300 IN TXT "{VALUE}"')
    assert finding.expected == VALUE
    assert finding.seen.isprintable()
    assert "–" not in finding.title
    assert "–" not in finding.advice


@pytest.mark.parametrize(
    "case",
    [case for case, (_, slug) in TABLE.items() if slug not in ("in_place", *NO_LINE)],
)
def test_publishing_the_line_repairs_it(row, dns, case):
    TABLE[case][0](dns)
    finding = look(row)
    assert not finding.in_place
    dns.remove(NAME, "CNAME")
    owner, _, value = finding.repair.partition(". 300 IN TXT ")
    dns.add(owner, "TXT", value)
    assert look(row).in_place


def test_an_earlier_value_of_this_customer_is_stale(row, dns, alice, authorization_of):
    authorization_of(alice, token="earlier", key_authorization="earlier.thumb")
    dns.txt(NAME, value_of("earlier.thumb"))
    assert look(row).slug == "dns_stale_value"


def test_another_customers_value_is_only_a_wrong_one(row, dns, bob, authorization_of):
    authorization_of(bob, token="bobs", key_authorization="bobs.thumb")
    dns.txt(NAME, value_of("bobs.thumb"))
    assert look(row).slug == "dns_wrong_value"


def test_a_value_one_level_too_high_is_said_so(alice, dns, authorization_of):
    row = authorization_of(alice, "www.shop.example")
    dns.txt(NAME, VALUE)
    finding = look(row)
    assert (finding.slug, finding.facts["found_at"]) == ("dns_at_parent", NAME)
    assert "_acme-challenge.www" in finding.advice


def test_the_host_is_told_below_the_registered_domain(row, alice, authorization_of):
    deep = authorization_of(alice, "a.b.shop.co.uk")
    told = Dns01().instruction(deep.challenge(), deep.identifier)
    assert (told.zone, told.host, told.full_name) == (
        "shop.co.uk",
        "_acme-challenge.a.b",
        "_acme-challenge.a.b.shop.co.uk",
    )
    assert [r.value for r in told.rows] == ["TXT", told.host, told.full_name, VALUE]


def test_a_wildcard_and_its_base_need_both_values_at_one_name(alice, dns, authorization_of):
    single = authorization_of(alice, token="one", key_authorization="one.t")
    wild = authorization_of(alice, wildcard=True, token="two", key_authorization="two.t")
    dns.txt(NAME, value_of("one.t"))
    assert look(single).in_place
    assert not look(wild).in_place
    dns.txt(NAME, value_of("one.t"), value_of("two.t"))
    assert look(single).in_place
    assert look(wild).in_place


def test_how_long_a_no_may_be_remembered_is_a_fact(row):
    assert look(row).facts["negative_until"] == (NOW + timedelta(seconds=900)).isoformat()


def test_64_kilobytes_of_other_records_do_not_hide_the_value(row, dns):
    dns.txt(NAME, *(f"{n:03d}" + "x" * 230 for n in range(240)), VALUE)
    finding = look(row)
    assert finding.in_place
    assert len(finding.seen) <= 500


def test_stored_findings_stay_small_whatever_is_published(row, dns):
    dns.txt(NAME, *(f"{n:03d}" + "x" * 230 for n in range(240)))
    finding = look(row)
    assert finding.slug == "dns_wrong_value"
    assert len(str(finding.as_json())) < 4000


# --- several authoritative servers --------------------------------------------------------------------


@pytest.fixture
def servers():
    one = FakeDns("127.0.0.1", zones=("shop.example",))
    two = FakeDns("127.0.0.2", port=one.port, zones=("shop.example",))
    recursive = FakeDns("127.0.0.3")
    recursive.add("shop.example", "NS", "ns1.dns.example.", "ns2.dns.example.")
    recursive.add("ns1.dns.example", "A", "127.0.0.1")
    recursive.add("ns2.dns.example", "A", "127.0.0.2")
    yield one, two, recursive
    for server in (one, two, recursive):
        server.close()


def walking(servers) -> Dns01:
    one, _, recursive = servers
    return Dns01(
        make_resolver=lambda: Resolver(
            recursives=[Server("127.0.0.3", recursive.port)], allowed=networks(["127.0.0.0/8"]), port=one.port
        )
    )


def test_one_server_without_the_value_delays_the_ca(row, servers):
    one, two, _ = servers
    one.txt(NAME, VALUE)
    finding = look(row, walking(servers))
    assert (finding.slug, finding.facts["lacking"]) == ("dns_some_servers", "ns2.dns.example (127.0.0.2)")
    two.txt(NAME, VALUE)
    assert look(row, walking(servers)).in_place


def test_one_server_with_an_older_value_delays_the_ca(row, servers):
    one, two, _ = servers
    one.txt(NAME, "old")
    two.txt(NAME, VALUE)
    assert look(row, walking(servers)).slug == "dns_some_servers"


def test_a_dead_server_beside_a_good_one_does_not(row, servers):
    one, two, _ = servers
    one.txt(NAME, VALUE)
    two.silent = True
    assert look(row, walking(servers)).in_place


def test_a_bogus_zone_is_not_in_place_although_the_value_is_there(row, servers):
    one, two, recursive = servers
    one.txt(NAME, VALUE)
    two.txt(NAME, VALUE)
    recursive.bogus("shop.example")
    assert look(row, walking(servers)).slug == "dns_bogus"


def test_a_domain_that_does_not_exist_is_said_so(alice, authorization_of, servers):
    row = authorization_of(alice, "www.nowhere.test")
    finding = look(row, walking(servers))
    assert (finding.slug, finding.facts["zone"]) == ("dns_nxdomain_zone", "nowhere.test")


def test_a_domain_that_its_registry_does_not_know_is_said_so(alice, authorization_of, servers):
    one, _, recursive = servers
    one.zones = [type(one.zones[0])((b"test", b""))]
    recursive.add("test", "NS", "ns1.dns.example.")
    row = authorization_of(alice, "www.nowhere.test")
    assert look(row, walking(servers)).slug == "dns_nxdomain_zone"


def test_challenges_of_other_types_are_not_read_as_earlier_values(row, dns):
    Challenge.objects.filter(type="http-01").update(key_authorization="h.t")
    dns.txt(NAME, value_of("h.t"))
    assert look(row).slug == "dns_wrong_value"
