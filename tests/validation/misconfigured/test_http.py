"""Every usual slip of a web server: we name it, and the very content we tell repairs it."""

from __future__ import annotations

import socket
import threading
import time
from datetime import timedelta

import pytest

from tests.conftest import NOW
from tests.validation.conftest import KEY_AUTHORIZATION, TOKEN
from tests.validation.fake_web import FakeWeb, drip, page, redirect, tls_context
from tests.validation.misconfigured.cases_http import (
    ALL_THE_SAME,
    HOST,
    PATH,
    SITE,
    TABLE,
    astray,
)
from validation.methods.http_01 import Http01
from validation.problems import Finding

pytestmark = pytest.mark.server


@pytest.fixture
def web():
    server = FakeWeb()
    server.pages |= SITE
    yield server
    server.close()


# A look that has to wait for its whole time, and one that is not to be cut short on a busy machine.
IMPATIENT, PATIENT = 3.0, 20.0


@pytest.fixture
def look(fetching, alice, authorization_of, web):
    rows = {}

    def at(name: str = HOST, *, port: int = 0, tls: int = 1, seconds: float = PATIENT) -> Finding:
        row = rows.get(name) or rows.setdefault(name, authorization_of(alice, name, method="http-01"))
        method = Http01(make_fetcher=fetching(port or web.port, tls, seconds))
        return method.look(row, row.challenge(), NOW)

    return at


@pytest.mark.parametrize("case", TABLE)
def test_a_slip_is_named_and_its_content_repairs_it(look, web, case):
    answer, slug = TABLE[case]
    web.pages[PATH] = answer
    finding = look(seconds=IMPATIENT if slug == "http_timeout" else PATIENT)
    assert (finding.slug, finding.in_place) == (slug, False)
    assert finding.seen.isprintable()
    assert len(finding.seen) <= 200
    assert "–" not in f"{finding.title}{finding.advice}"
    web.pages[PATH] = page(finding.repair)
    assert look().in_place


@pytest.mark.parametrize("found_at", astray(TOKEN))
def test_a_file_in_another_place_is_found_there(look, web, found_at):
    path, slug = astray(TOKEN)[found_at]
    web.pages[path] = page(KEY_AUTHORIZATION)
    finding = look()
    assert finding.slug == slug
    assert found_at in finding.title + finding.facts["found_at"]
    web.pages[PATH] = page(finding.repair)
    assert look().in_place


@pytest.mark.parametrize("body", ALL_THE_SAME.values(), ids=ALL_THE_SAME)
def test_a_site_that_answers_everything_is_told_as_such(look, web, body):
    web.otherwise = page(body)
    finding = look()
    assert finding.slug == "http_catch_all"
    web.pages[PATH] = page(finding.repair)
    assert look().in_place


@pytest.mark.parametrize(
    ("at_the_file", "slug"),
    [(page("none", 404), "http_not_found"), (page("hello"), "http_wrong_body")],
    ids=["not found", "another page"],
)
def test_a_site_that_is_slow_at_every_other_address_holds_no_worker(look, web, at_the_file, slug):
    """Eight more addresses are asked why a file is not there: their time is one look's, not eight."""
    web.pages[PATH] = at_the_file
    web.otherwise = drip(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 4000, 0.05)
    began = time.monotonic()
    finding = look(seconds=IMPATIENT)
    assert time.monotonic() - began < 6 * IMPATIENT, "nine times as long if each had its own"
    assert (finding.slug, finding.in_place) == (slug, False)
    web.pages[PATH] = page(finding.repair)
    assert look().in_place


def test_other_places_are_asked_only_now_and_then(fetching, alice, authorization_of, web):
    row = authorization_of(alice, HOST, method="http-01")

    def requests_of_a_look(now) -> int:
        web.requests.clear()
        row.finding = Http01(make_fetcher=fetching(web.port)).look(row, row.challenge(), now).as_json()
        return len(web.requests)

    web.pages[f"/{TOKEN}"] = page(KEY_AUTHORIZATION)
    assert requests_of_a_look(NOW) > 1
    assert requests_of_a_look(NOW + timedelta(seconds=5)) == 1
    assert row.finding["slug"] == "http_wrong_folder"
    assert requests_of_a_look(NOW + timedelta(seconds=31)) > 1
    row.asked_at = NOW + timedelta(seconds=32)
    assert requests_of_a_look(NOW + timedelta(seconds=33)) > 1


def test_ipv6_that_does_not_answer_beside_a_good_ipv4_is_named_and_removed(world, look, web):
    web.pages[PATH] = page(KEY_AUTHORIZATION)
    finding = look("dual.example")
    assert (finding.slug, finding.facts["address"]) == ("http_ipv6", "::1")
    assert finding.remove == ("dual.example. AAAA ::1",)
    world.remove(finding.remove[0], "dual.example")
    assert look("dual.example").in_place
    world.publish("dual.example. 60 IN AAAA ::1", "dual.example")


def test_ipv6_that_serves_another_site_is_named(world, look, web):
    web.pages[PATH] = page(KEY_AUTHORIZATION)
    other = FakeWeb("::1", port=web.port)
    try:
        finding = look("dual.example")
        assert (finding.slug, finding.facts["address"]) == ("http_some_addresses", "::1")
        other.pages[PATH] = page(finding.repair)
        assert look("dual.example").in_place
    finally:
        other.close()


def test_an_old_address_that_still_stands_in_dns_is_named(look, web):
    web.pages[PATH] = page(KEY_AUTHORIZATION)
    old = FakeWeb("127.0.0.2", port=web.port)
    try:
        finding = look("two.example")
        assert (finding.slug, finding.facts["address"]) == ("http_some_addresses", "127.0.0.2")
        old.pages[PATH] = page(finding.repair)
        assert look("two.example").in_place
    finally:
        old.close()


def test_an_inner_address_beside_a_good_one_is_named_and_removed(world, look, web):
    web.pages[PATH] = page(KEY_AUTHORIZATION)
    finding = look("inner.example")
    assert finding.remove == ("inner.example. A 192.168.0.10",)
    world.remove(finding.remove[0], "inner.example")
    assert look("inner.example").in_place


def test_an_address_without_a_route_from_here_tells_only_where_there_is_no_other(world, look, web):
    """A broadcast address: the kernel has no route for a connection there, wherever the test runs."""
    web.pages[PATH] = page(KEY_AUTHORIZATION)
    assert look("half-routed.example").in_place
    finding = look("unrouted.example")
    assert (finding.slug, finding.facts["address"]) == ("http_no_route", "127.255.255.255")
    world.remove("unrouted.example. A 127.255.255.255", "unrouted.example")
    world.publish("unrouted.example. 60 IN A 127.0.0.1", "unrouted.example")
    assert look("unrouted.example").in_place


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("nowhere-to-go.example", "http_no_address"),
        ("private.example", "http_private_address"),
        ("metadata.private.example", "http_private_address"),
        ("linklocal.private.example", "http_private_address"),
        ("mapped.private.example", "http_private_address"),
        ("closed.example", "http_refused"),
        ("lame.example", "dns_servfail"),
    ],
)
def test_a_name_that_leads_nowhere_useful_is_told_until_it_leads_to_the_server(world, look, web, name, slug):
    web.pages[PATH] = page(KEY_AUTHORIZATION)
    finding = look(name)
    assert (finding.slug, web.requests) == (slug, [])
    if slug.startswith("dns"):
        return
    zone = ".".join(name.split(".")[-2:])
    for kind in ("A", "AAAA"):
        world.remove(f"{name}. {kind}", zone)
    world.publish(f"{name}. 60 IN A 127.0.0.1", zone)
    assert look(name).in_place


def test_https_behind_a_redirect_may_have_a_bad_certificate(look, web, tmp_path):
    context, _der = tls_context(tmp_path, "wrong.example")
    secure = FakeWeb(context=context)
    web.pages[PATH] = redirect(f"https://{HOST}{PATH}")
    secure.pages[PATH] = page(KEY_AUTHORIZATION)
    try:
        finding = look(tls=secure.port)
        assert finding.in_place
        assert [hop["status"] for hop in finding.facts["hops"]] == [301, 200]
    finally:
        secure.close()


def test_https_that_is_broken_behind_a_redirect_is_named(look, web):
    web.pages[PATH] = redirect(f"https://{HOST}{PATH}")
    with socket.create_server(("127.0.0.1", 0)) as plain:
        threading.Thread(target=lambda: plain.accept()[0].sendall(b"no TLS here"), daemon=True).start()
        finding = look(tls=plain.getsockname()[1])
    assert finding.slug == "http_tls_error"
    web.pages[PATH] = page(finding.repair)
    assert look().in_place


@pytest.mark.parametrize(("hops", "slug"), [(10, "in_place"), (11, "http_redirect_loop")])
def test_ten_redirects_are_followed_and_not_one_more(look, web, hops, slug):
    web.pages[PATH] = redirect(f"/{TOKEN}?hop=1")
    for hop in range(1, hops):
        web.pages[f"/{TOKEN}?hop={hop}"] = redirect(f"/{TOKEN}?hop={hop + 1}")
    web.pages[f"/{TOKEN}?hop={hops}"] = page(KEY_AUTHORIZATION)
    assert look().slug == slug


def test_a_port_that_lets_nobody_in_is_named(look):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # Two wait already; the third finds no place.
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        threading.Event().wait(0.1)
        assert look(port=full.getsockname()[1], seconds=IMPATIENT).slug == "http_timeout"
        for one in waiting:
            one.close()
