"""validation/fetcher.py against web servers that behave badly, and against names that lead where nothing may go."""

from __future__ import annotations

import time

import pytest

from tests.validation.conftest import TOKEN
from tests.validation.fake_web import (
    FakeWeb,
    drip,
    endless,
    hang_up,
    page,
    raw,
    redirect,
    silence,
    tls_context,
)
from validation.addresses import networks
from validation.answers import Server
from validation.fetcher import Fetcher
from validation.resolver import Resolver

PATH = f"/.well-known/acme-challenge/{TOKEN}"
URL = f"http://shop.example{PATH}"


@pytest.fixture
def fetcher(dns, web) -> Fetcher:
    dns.add("shop.example", "A", "127.0.0.1")
    return Fetcher.configured()


# What a look of less than a second may take on a busy machine; those that drip or keep silent do so for longer.
LONG = 25.0


def impatient(dns, web, seconds: float = 0.6) -> Fetcher:
    return Fetcher(
        resolver=lambda deadline: Resolver(nameservers=[Server("127.0.0.1", dns.port)], deadline=deadline),
        allowed=networks(["127.0.0.0/8"]),
        ports={80: web.port, 443: web.port},
        seconds=seconds,
    )


def test_it_fetches_a_page_with_plain_headers_and_no_cookies(fetcher, web):
    web.pages[PATH] = page("hello")
    report = fetcher.fetch(URL)
    assert (report.status, report.body, report.problem, report.address) == (200, b"hello", "", "127.0.0.1")
    (request,) = web.requests
    assert request.startswith(f"GET {PATH} HTTP/1.1\r\nHost: shop.example\r\n")
    assert "Accept-Encoding: identity" in request
    assert "cookie" not in request.lower()


def test_it_follows_the_four_redirects_that_cas_follow(fetcher, web):
    for status in (301, 302, 307, 308):
        web.pages[PATH] = redirect("http://shop.example/there", status)
        web.pages["/there"] = page("moved")
        report = fetcher.fetch(URL)
        assert (report.body, [hop.status for hop in report.hops]) == (b"moved", [status, 200])
        assert report.hops[0].location == "http://shop.example/there"


@pytest.mark.parametrize("status", [300, 303, 305, 306])
def test_other_redirects_end_the_walk(fetcher, web, status):
    web.pages[PATH] = redirect("http://shop.example/there", status)
    report = fetcher.fetch(URL)
    assert report.problem == "http_bad_redirect"
    assert len(web.requests) == 1


def test_a_redirect_without_a_location_ends_the_walk(fetcher, web):
    web.pages[PATH] = page("", 301)
    assert fetcher.fetch(URL).problem == "http_bad_redirect"


def test_relative_redirects_and_fragments_are_understood(fetcher, web):
    web.pages[PATH] = redirect("../up?x=1#part")
    web.pages["/.well-known/up?x=1"] = page("ok")
    assert fetcher.fetch(URL).body == b"ok"


def test_a_redirect_to_itself_and_a_circle_are_loops(fetcher, web):
    web.pages[PATH] = redirect(PATH)
    assert fetcher.fetch(URL).problem == "http_redirect_loop"
    web.pages[PATH] = redirect("/a")
    web.pages["/a"] = redirect("/b")
    web.pages["/b"] = redirect("/a")
    assert fetcher.fetch(URL).problem == "http_redirect_loop"


@pytest.mark.parametrize(("count", "problem"), [(10, ""), (11, "http_redirect_loop")])
def test_ten_redirects_are_followed_and_not_one_more(fetcher, web, count, problem):
    web.pages[PATH] = redirect("/1")
    for n in range(1, count):
        web.pages[f"/{n}"] = redirect(f"/{n + 1}")
    web.pages[f"/{count}"] = page("end")
    assert fetcher.fetch(URL).problem == problem
    assert len(web.requests) == min(count + 1, 11)


def test_cookies_are_not_carried_to_the_next_hop(fetcher, web):
    web.pages[PATH] = page("", 302, Location="/next", Set_Cookie="session=1")
    web.pages["/next"] = page("ok")
    fetcher.fetch(URL)
    assert "cookie" not in web.requests[1].lower()


def test_a_gigabyte_is_cut_at_four_kilobytes(fetcher, web):
    web.pages[PATH] = endless
    begin = time.monotonic()
    report = fetcher.fetch(URL)
    assert (report.status, len(report.body), report.truncated) == (200, 4096, True)
    assert time.monotonic() - begin < 60


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n" + b"x" * 60,
        b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 20,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 20,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
    ],
)
def test_a_slow_drip_ends_at_the_deadline(dns, web, wire):
    dns.add("shop.example", "A", "127.0.0.1")
    web.pages[PATH] = drip(wire, 1.0)
    begin = time.monotonic()
    report = impatient(dns, web).fetch(URL)
    assert report.problem == "http_timeout"
    assert time.monotonic() - begin < LONG


def test_a_silent_server_ends_at_the_deadline(dns, web):
    dns.add("shop.example", "A", "127.0.0.1")
    web.pages[PATH] = silence
    begin = time.monotonic()
    assert impatient(dns, web).fetch(URL).problem == "http_timeout"
    assert time.monotonic() - begin < LONG


@pytest.mark.parametrize(
    ("wire", "problem"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", "http_no_http"),
        (b"\x00" * 100_000, "http_no_http"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "http_no_http"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: " + b"b" * 80_000 + b"\r\n\r\n", "http_no_http"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", "http_no_http"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "http_no_http"),
    ],
)
def test_what_is_not_http_is_said_so(fetcher, web, wire, problem):
    web.pages[PATH] = raw(wire)
    report = fetcher.fetch(URL)
    assert report.problem == problem or (report.status == 200 and report.body == b"")


def test_endless_headers_end_with_the_meter(fetcher, web):
    web.pages[PATH] = raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000)
    assert fetcher.fetch(URL).problem in {"http_no_http", "http_closed", "http_timeout"}


def test_a_closed_connection_and_a_refused_one_are_told_apart(dns, web, fetcher):
    web.pages[PATH] = hang_up
    assert fetcher.fetch(URL).problem == "http_closed"
    web.close()
    assert fetcher.fetch(URL).problem == "http_refused"


def test_a_name_without_address_and_a_failing_dns_are_told_apart(dns, fetcher):
    assert fetcher.fetch("http://none.example/").problem == "http_no_address"
    dns.fail("fail.example")
    assert fetcher.fetch("http://fail.example/").problem == "dns_servfail"
    dns.add("loop.example", "CNAME", "loop.example.")
    assert fetcher.fetch("http://loop.example/").problem == "dns_cname_loop"


def test_each_address_is_asked_by_itself(dns, open_web, settings):
    good = open_web("127.0.0.1")
    bad = open_web("127.0.0.2")
    good.pages[PATH] = page("right")
    dns.add("shop.example", "A", "127.0.0.1", "127.0.0.2", "127.0.0.3", "192.168.1.1")
    reports = {report.address: report for report in Fetcher.configured().fetch_each(URL)}
    assert reports["127.0.0.1"].body == b"right"
    assert reports["127.0.0.2"].status == 404
    assert reports["127.0.0.3"].problem == "http_refused"
    assert reports["192.168.1.1"].problem == "http_private_address"
    assert (good.connections, bad.connections) == (1, 1)


def test_ipv6_is_asked_first_and_ipv4_where_it_fails(dns, open_web):
    web = open_web("127.0.0.1")
    web.pages[PATH] = page("by v4")
    dns.add("shop.example", "A", "127.0.0.1")
    dns.add("shop.example", "AAAA", "::1")
    assert Fetcher.configured().fetch(URL).body == b"by v4"
    v6 = open_web("::1")
    v6.pages[PATH] = page("by v6")
    assert Fetcher.configured().fetch(URL).body == b"by v6"


def test_https_is_followed_whatever_its_certificate_says(dns, web, settings, tmp_path):
    context, _ = tls_context(tmp_path, "somebody-else.example")
    secure = FakeWeb(context=context)
    settings.INSTALLATION_TLS_PORT = secure.port
    dns.add("shop.example", "A", "127.0.0.1")
    web.pages[PATH] = redirect(f"https://shop.example{PATH}")
    secure.pages[PATH] = page("over tls")
    assert Fetcher.configured().fetch(URL).body == b"over tls"
    secure.close()


def test_a_redirect_to_broken_https_is_a_tls_error(dns, web, settings):
    settings.INSTALLATION_TLS_PORT = web.port
    dns.add("shop.example", "A", "127.0.0.1")
    web.pages[PATH] = redirect(f"https://shop.example{PATH}")
    assert Fetcher.configured().fetch(URL).problem in {"http_tls_error", "http_timeout"}


# --- where nothing may go ---------------------------------------------------------------------------

SPELLINGS = [
    "\n127.0.0.1",
    "127.1",
    "127.0.1",
    "127.000.000.001",
    "0127.0.0.1",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "0x7f.1",
    "2130706433",
    "017700000001\n127.0.0.1.",
    "127.0.0.3",
    "127.255.255.254",
    "0",
    "0.0.0.0",
    "0x0",
    "00000000",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]\n[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fd00::1]\n[ff02::1]",
    "[::ffff:a9fe:a9fe]",
    "[fd00:ec2::254]",
    "169.254.169.254",
    "169.254.169.254.",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376\n[::ffff:169.254.169.254]",
    "10.0.0.1",
    "192.168.0.1",
    "172.16.0.1",
    "100.64.0.1",
    "192.0.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255\nuser@127.0.0.1",
    "shop.example@127.0.0.1",
    "127.0.0.1#@shop.example",
    "127.0.0.1%2f@shop.example",
    "shop.example%00.127.0.0.1\n127。0。0。1",
    "１２７.０.０.１",
    "①②⑦.0.0.1",
    "ⓛocalhost",
    "127.0.0.1\\@shop.example",
    "shop.example\\@127.0.0.1",
    "127.0.0.1\t",
    "127.0.0.1%0d%0a\n[::1]:80",
    "127.0.0.1:80",
    "127.0.0.1:22",
    "127.0.0.1:0",
    "127.0.0.1:99999",
    "127.0.0.1:-1",
    "127.0.0.1:８０",
    "[127.0.0.1]",
    "[v1.127.0.0.1]\n",
]
SPELLINGS = [spelling for word in SPELLINGS for spelling in word.strip("\n").split("\n") if spelling]


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


def test_there_are_sixty_spellings():
    assert len(SPELLINGS) >= 60


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_an_inner_address_is_reached(guarded, spelling):
    fetcher, front, canary = guarded
    for url in (f"http://{spelling}/", f"https://{spelling}/"):
        assert fetcher.fetch(url).problem
        assert all(report.problem for report in fetcher.fetch_each(url))
    front.pages["/"] = redirect(f"http://{spelling}/secret")
    assert fetcher.fetch("http://shop.example/").problem
    for chain in fetcher.served_chain(spelling, front.port):
        assert chain.problem
    assert canary.connections == 0


INNER = [
    "127.0.0.1",
    "127.0.0.53",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.0.1",
    "192.0.0.192",
    "198.18.0.1",
    "0.0.0.0",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2001:0:7f00:1::1",
    "fe80::1",
    "fd00:ec2::254",
    "ff02::1",
    "224.0.0.1",
    "255.255.255.255",
]


@pytest.mark.parametrize("address", INNER)
def test_no_name_leads_to_an_inner_address(guarded, dns, address):
    fetcher, front, canary = guarded
    dns.add("inner.example", "AAAA" if ":" in address else "A", address)
    dns.add("alias.example", "CNAME", "inner.example.")
    front.pages["/"] = redirect("http://inner.example/secret")
    for url in ("http://inner.example/", "http://alias.example/", "http://shop.example/"):
        assert fetcher.fetch(url).problem == "http_private_address"
    assert [chain.problem for chain in fetcher.served_chain("inner.example", front.port)] == [
        "http_private_address"
    ]
    assert canary.connections == 0


def test_of_mixed_addresses_only_the_public_one_is_reached(guarded, dns):
    fetcher, front, canary = guarded
    front.otherwise = page("front")
    dns.add("mixed.example", "A", "127.0.0.1", "127.0.0.2", "10.0.0.1")
    assert fetcher.fetch("http://mixed.example/").body == b"front"
    problems = {report.address: report.problem for report in fetcher.fetch_each("http://mixed.example/")}
    assert problems == {
        "127.0.0.1": "http_private_address",
        "127.0.0.2": "",
        "10.0.0.1": "http_private_address",
    }
    assert canary.connections == 0


def test_a_name_that_changes_its_mind_between_look_and_connect_changes_nothing(guarded, dns):
    fetcher, front, canary = guarded
    front.otherwise = page("front")
    for _ in range(3):
        dns.in_turn("rebind.example", "A", ["127.0.0.2"], ["127.0.0.1"], ["127.0.0.1"])
        assert fetcher.fetch("http://rebind.example/").body == b"front"
    dns.in_turn("rebind.example", "A", ["127.0.0.2"], ["127.0.0.1"])
    front.otherwise = redirect("http://rebind.example/again")
    assert fetcher.fetch("http://rebind.example/").problem == "http_private_address"
    assert canary.connections == 0


@pytest.mark.parametrize(
    "location",
    [
        "ftp://shop.example/", "file:///etc/passwd", "gopher://shop.example/", "javascript:alert(1)", "//127.0.0.1/",
        "http://shop.example:22/", "http://shop.example:8080/", "https://shop.example:8443/", "http://[::1/",
        "http://user:pw@shop.example/", "http://shop.example/" + "a" * 3000, "http://shop.example/\x7f", "http://localhost/",
    ],
)  # fmt: skip
def test_no_redirect_leaves_the_ordinary_ports_and_schemes(guarded, location):
    fetcher, front, canary = guarded
    front.pages["/"] = redirect(location)
    assert fetcher.fetch("http://shop.example/").problem == "http_bad_redirect"
    assert (front.connections, canary.connections) == (1, 0)


def test_a_header_cannot_be_smuggled_through_a_redirect(guarded):
    fetcher, front, _canary = guarded
    front.pages["/"] = redirect("/a%0d%0aX-Evil:%201")
    fetcher.fetch("http://shop.example/")
    assert not any("\r\nX-Evil" in request for request in front.requests)


# --- certificates -----------------------------------------------------------------------------------


def test_it_keeps_the_certificate_every_address_shows(dns, open_web, tmp_path):
    context, der = tls_context(tmp_path, "shop.example")
    first = open_web("127.0.0.1", context=context)
    open_web("127.0.0.2", context=context)
    dns.add("shop.example", "A", "127.0.0.1", "127.0.0.2", "127.0.0.3")
    shown = {chain.address: chain for chain in Fetcher.configured().served_chain("shop.example", first.port)}
    assert shown["127.0.0.1"].chain_der == shown["127.0.0.2"].chain_der == (der,)
    assert shown["127.0.0.1"].tls_version == "TLSv1.3"
    assert shown["127.0.0.3"].problem == "http_refused"


def test_a_server_that_speaks_no_tls_is_said_so(dns, web):
    dns.add("shop.example", "A", "127.0.0.1")
    web.otherwise = raw(b"HTTP/1.1 400 Bad\r\n\r\n")
    plain = FakeWeb("127.0.0.1")
    (chain,) = impatient(dns, plain).served_chain("shop.example", plain.port)
    assert chain.problem in {"http_tls_error", "http_timeout"}
    assert chain.chain_der == ()
    plain.close()


def test_a_handshake_that_never_ends_ends_at_the_deadline(dns, web):
    dns.add("shop.example", "A", "127.0.0.1")
    begin = time.monotonic()
    (chain,) = impatient(dns, web).served_chain("shop.example", web.port)
    assert chain.problem == "http_timeout"
    assert time.monotonic() - begin < LONG


# --- IP identifiers (RFC 8738) ------------------------------------------------------------------------


def test_an_address_is_asked_itself_and_no_name_server(guarded):
    fetcher, front, _canary = guarded
    front.pages["/x"] = page("here")
    report = fetcher.fetch("http://127.0.0.2/x")
    assert (report.body, report.hops[0].address) == (b"here", "127.0.0.2")
    assert [each.body for each in fetcher.fetch_each("http://127.0.0.2/x")] == [b"here"]


def test_no_redirect_leads_to_an_address_not_even_to_an_allowed_one(guarded):
    fetcher, front, _canary = guarded
    front.pages["/x"] = redirect("http://127.0.0.2/y")
    front.pages["/y"] = page("secret")
    for url in ("http://127.0.0.2/x", "http://shop.example/x"):
        report = fetcher.fetch(url)
        assert report.problem == "http_bad_redirect"
        assert report.body == b""


@pytest.mark.parametrize(
    "host", ["127.0.0.02", "[127.0.0.2]", "127.2", "0x7f.0.0.2", "::1", "[0:0:0:0:0:0:0:1]"]
)
def test_another_spelling_of_an_address_is_no_address(guarded, host):
    fetcher, _front, _canary = guarded
    assert fetcher.fetch(f"http://{host}/x").problem == "http_bad_url"
