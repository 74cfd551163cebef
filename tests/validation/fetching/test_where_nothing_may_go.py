"""No spelling, name or redirect leads to an inner address."""

from __future__ import annotations

import pytest

from tests.validation.fake_web import (
    page,
    redirect,
)

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
