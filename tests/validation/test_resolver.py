"""validation/resolver.py against DNS servers that answer well and badly."""

from __future__ import annotations

import time
from itertools import pairwise

import dns.message
import dns.rcode
import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.validation.fake_dns import FakeDns
from validation import conversing, resolver
from validation.addresses import networks
from validation.answers import Server
from validation.deadline import Deadline
from validation.resolver import Resolver, servers

LOOPBACK = networks(["127.0.0.0/8"])


@pytest.fixture
def started():
    open_servers: list[FakeDns] = []

    def start(*args, **kwargs) -> FakeDns:
        open_servers.append(FakeDns(*args, **kwargs))
        return open_servers[-1]

    yield start
    for server in open_servers:
        server.close()


@pytest.fixture
def world(started):
    """A recursive resolver that knows the delegation of shop.example to two servers, and those two."""
    one = started("127.0.0.1", zones=("shop.example",))
    two = started("127.0.0.2", port=one.port, zones=("shop.example",))
    recursive = started("127.0.0.3")
    recursive.authoritative = False
    recursive.add("shop.example", "NS", "ns1.dns.example.", "ns2.dns.example.")
    recursive.add("ns1.dns.example", "A", "127.0.0.1")
    recursive.add("ns2.dns.example", "A", "127.0.0.2")
    return recursive, one, two


def walking(recursive: FakeDns, port: int, **kwargs) -> Resolver:
    return Resolver(
        recursives=[Server(recursive.address, recursive.port)],
        allowed=kwargs.pop("allowed", LOOPBACK),
        port=port,
        **kwargs,
    )


def direct(*asked: FakeDns, **kwargs) -> Resolver:
    return Resolver(nameservers=[Server(server.address, server.port) for server in asked], **kwargs)


def test_it_asks_every_authoritative_server_of_the_closest_zone(world):
    recursive, one, two = world
    one.txt("_acme-challenge.shop.example", "new")
    two.txt("_acme-challenge.shop.example", "old")
    answer = walking(recursive, one.port).txt("_acme-challenge.shop.example")
    assert answer.zone == "shop.example"
    assert {(str(s.server), s.values) for s in answer.servers} == {
        ("ns1.dns.example (127.0.0.1)", ("new",)),
        ("ns2.dns.example (127.0.0.2)", ("old",)),
    }
    assert set(answer.values) == {"new", "old"}
    assert answer.rcode == "NOERROR"


def test_the_recursive_resolver_is_never_asked_for_the_record_itself(world):
    recursive, one, _two = world
    walking(recursive, one.port).txt("_acme-challenge.shop.example")
    assert "TXT" not in {rdtype for _, _, rdtype in recursive.asked}


def test_it_walks_anew_for_the_zone_an_alias_leads_to(world, started):
    recursive, one, _two = world
    one.add("_acme-challenge.shop.example", "CNAME", "abc.dcv.example.")
    _two.add("_acme-challenge.shop.example", "CNAME", "abc.dcv.example.")
    third = started("127.0.0.4", port=one.port, zones=("dcv.example",))
    third.txt("abc.dcv.example", "delegated")
    recursive.add("dcv.example", "NS", "ns.dcv.example.")
    recursive.add("ns.dcv.example", "A", "127.0.0.4")
    answer = walking(recursive, one.port).txt("_acme-challenge.shop.example")
    assert answer.chain == ("abc.dcv.example",)
    assert (answer.zone, answer.values, answer.lacking) == ("dcv.example", ("delegated",), ())


def test_it_says_which_server_does_not_know_the_alias(world):
    recursive, one, two = world
    one.add("_acme-challenge.shop.example", "CNAME", "other.shop.example.")
    one.txt("other.shop.example", "x")
    two.txt("other.shop.example", "x")
    answer = walking(recursive, one.port).txt("_acme-challenge.shop.example")
    assert answer.values == ("x",)
    assert answer.lacking == ("ns2.dns.example (127.0.0.2)",)


def test_a_name_server_at_a_private_address_is_not_asked(world):
    recursive, one, _two = world
    answer = walking(recursive, one.port, allowed=networks(["127.0.0.2/32"])).txt(
        "_acme-challenge.shop.example"
    )
    assert [s.server.address for s in answer.servers] == ["127.0.0.2"]
    assert one.asked == []
    nobody = walking(recursive, one.port, allowed=()).txt("_acme-challenge.shop.example")
    assert (nobody.rcode, nobody.servers, nobody.answered) == ("UNREACHABLE", (), False)


def test_a_server_that_does_not_answer_for_the_zone_is_lame(world):
    recursive, one, two = world
    one.authoritative = False
    two.txt("_acme-challenge.shop.example", "v")
    answer = walking(recursive, one.port).txt("_acme-challenge.shop.example")
    assert [s.rcode for s in answer.servers] == ["LAME", "NOERROR"]
    assert answer.answered


def test_a_bogus_zone_is_told_from_a_broken_one(world):
    recursive, one, _two = world
    one.txt("_acme-challenge.shop.example", "v")
    recursive.bogus("shop.example")
    answer = walking(recursive, one.port).txt("_acme-challenge.shop.example")
    assert answer.bogus
    assert answer.values == ("v",)
    recursive.fail("shop.example")
    broken = walking(recursive, one.port).txt("_acme-challenge.shop.example")
    assert (broken.bogus, broken.rcode) == (False, "SERVFAIL")


def test_a_failure_of_the_name_itself_is_asked_of_its_own_servers(world):
    recursive, one, two = world
    recursive.fail("_acme-challenge.shop.example")
    for server in (one, two):
        server.add("_acme-challenge.shop.example", "CNAME", "_acme-challenge.shop.example.")
    assert walking(recursive, one.port).txt("_acme-challenge.shop.example").loop


def test_a_domain_nobody_knows_has_no_servers(world):
    recursive, one, _two = world
    answer = walking(recursive, one.port).txt("_acme-challenge.nowhere.test")
    assert (answer.rcode, answer.answered) == ("NXDOMAIN", False)


def test_delegations_are_remembered_within_one_look(world):
    recursive, one, _two = world
    resolver = walking(recursive, one.port)
    resolver.caa("a.b.shop.example")
    asked = len(recursive.asked)
    resolver.caa("b.shop.example")
    resolver.caa("shop.example")
    assert len(recursive.asked) == asked


def test_strings_of_one_record_are_joined_and_records_kept_apart(started):
    server = started()
    server.add("x.example", "TXT", '"abc" "def"', '"second"')
    assert set(direct(server).txt("x.example").values) == {"abcdef", "second"}


def test_a_truncated_answer_is_asked_again_over_tcp(started):
    server = started()
    server.txt("big.example", *(f"{n:03d}" + "x" * 200 for n in range(200)))
    answer = direct(server).txt("big.example")
    assert len(answer.values) == 200
    assert [transport for transport, _, _ in server.asked] == ["udp", "tcp"]


def test_64_kilobytes_of_txt_are_read_and_no_more_is_kept_than_came(started):
    server = started()
    server.txt("huge.example", *(f"{n:03d}" + "x" * 240 for n in range(250)))
    answer = direct(server).txt("huge.example")
    assert len(answer.values) == 250
    assert all(len(value) <= 4096 for value in answer.values)


def test_a_server_without_udp_is_heard_over_tcp(started):
    server = started()
    server.silent_over_udp = True
    server.txt("x.example", "v")
    assert direct(server).txt("x.example").values == ("v",)


def test_a_server_that_cannot_read_edns_is_asked_in_plain_dns(started):
    server = started()
    server.refuses_edns = True
    server.txt("x.example", "v")
    assert direct(server).txt("x.example").values == ("v",)


def test_silent_servers_cost_their_seconds_together_not_each(started, monkeypatch):
    monkeypatch.setattr(resolver, "SECONDS_PER_SERVER", 4.0)
    silent = [started() for _ in range(4)]
    for server in silent:
        server.silent = True
    begin = time.monotonic()
    answer = direct(*silent, deadline=Deadline(60.0)).txt("x.example")
    assert (answer.rcode, answer.answered) == ("TIMEOUT", False)
    assert time.monotonic() - begin < 12


def test_the_whole_look_ends_with_its_deadline(started, monkeypatch):
    monkeypatch.setattr(resolver, "SECONDS_PER_SERVER", 60.0)
    monkeypatch.setattr(conversing, "SECONDS_OVER_UDP", 60.0)
    server = started()
    server.silent = True
    begin = time.monotonic()
    answer = direct(server, deadline=Deadline(0.3)).addresses("x.example")
    assert (answer.all, answer.rcode) == ((), "TIMEOUT")
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize("length", [1, 8])
def test_up_to_eight_aliases_are_followed(started, length):
    server = started()
    for n in range(length):
        server.add(f"c{n}.example", "CNAME", f"c{n + 1}.example.")
    server.txt(f"c{length}.example", "end")
    answer = direct(server).txt("c0.example")
    assert answer.values == ("end",)
    assert len(answer.chain) == length


def test_nine_aliases_are_too_many(started):
    server = started()
    for n in range(9):
        server.add(f"c{n}.example", "CNAME", f"c{n + 1}.example.")
    server.txt("c9.example", "end")
    answer = direct(server).txt("c0.example")
    assert answer.loop
    assert answer.values == ()


@pytest.mark.parametrize("links", [("a", "a"), ("a", "b", "a"), ("a", "b", "c", "b")])
def test_a_circle_of_aliases_is_a_loop(started, links):
    server = started()
    for here, there in pairwise(links):
        server.add(f"{here}.example", "CNAME", f"{there}.example.")
    assert direct(server).txt("a.example").loop
    assert direct(server).addresses("a.example").loop


def test_nothing_there_says_for_how_long_that_may_be_remembered(started):
    server = started()
    answer = direct(server).txt("x.example")
    assert (answer.rcode, answer.values, answer.negative_ttl) == ("NXDOMAIN", (), 900)


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTAUTH])
def test_an_error_of_the_server_is_no_answer(started, rcode):
    server = started()
    server.fail("x.example", rcode)
    answer = direct(server).txt("x.example")
    assert (answer.answered, answer.rcode) == (False, dns.rcode.to_text(rcode))


@pytest.mark.parametrize(
    "raw",
    [
        lambda wire: b"",
        lambda wire: b"\x00" * 5,
        lambda wire: wire[:2] + b"\xff" * 40,
        lambda wire: b"\x12\x34" + wire[2:],
        lambda wire: dns.message.make_response(dns.message.make_query("evil.example", "TXT", id=7)).to_wire(),
    ],
)
def test_garbage_and_answers_to_other_questions_are_no_answer(started, raw):
    server = started()
    server.raw = raw
    answer = direct(server, deadline=Deadline(0.5)).txt("x.example")
    assert not answer.answered
    assert answer.rcode in {"TIMEOUT", "MALFORMED", "UNREACHABLE"}


def test_control_characters_are_replaced_never_removed(started):
    server = started()
    server.add("x.example", "TXT", '"ev\\010il\\027[31m\\000"', '"\\226\\128\\174abc"', '"\\255"')
    for value in direct(server).txt("x.example").values:
        assert value.isprintable()
    assert "ev\ufffdil\ufffd[31m\ufffd" in direct(server).txt("x.example").values


@pytest.mark.parametrize(
    "name", ["", ".", "a..b", "x" * 64 + ".example", "é.example", "a" * 300, "\x00.example", "*.example"]
)
def test_no_name_breaks_it(started, name):
    server = started()
    resolver = direct(server)
    resolver.txt(name)
    resolver.addresses(name)
    resolver.authoritative(name)


def test_addresses_of_both_families_are_told_apart(started):
    server = started()
    server.add("www.example", "CNAME", "host.example.")
    server.add("host.example", "A", "127.0.0.9", "127.0.0.8")
    server.add("host.example", "AAAA", "::1")
    found = direct(server).addresses("www.example")
    assert (set(found.v4), found.v6, found.chain) == ({"127.0.0.8", "127.0.0.9"}, ("::1",), ("host.example",))
    assert found.all[0] == "::1"


def test_mail_servers_are_told(started):
    server = started()
    server.add("shop.example", "MX", "10 mx.shop.example.")
    assert direct(server).mx("shop.example").values == ("10 mx.shop.example.",)


def test_names_are_asked_without_regard_to_case(started):
    server = started()
    server.txt("_acme-challenge.shop.example", "v")
    assert direct(server).txt("_ACME-Challenge.SHOP.example").values == ("v",)


def test_the_sandbox_never_falls_back_to_the_system_resolvers(settings):
    settings.VALIDATION_NAMESERVERS = []
    settings.SANDBOX = True
    with pytest.raises(ImproperlyConfigured):
        Resolver.configured()


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("127.0.0.1:8053", "127.0.0.1", 8053),
        ("192.0.2.1", "192.0.2.1", 53),
        ("[::1]:5353", "::1", 5353),
        ("2001:db8::1", "2001:db8::1", 53),
        ("localhost:53", "127.0.0.1", 53),
    ],
)
def test_server_settings_are_read(text, address, port):
    (server,) = servers([text])
    assert (server.port, server.address) in {(port, address), (port, "::1")}


@pytest.mark.parametrize("text", ["127.0.0.1:x", "[::1", "host with blank", ":53x"])
def test_a_bad_server_setting_stops_the_start(text):
    with pytest.raises(ImproperlyConfigured):
        servers([text])
