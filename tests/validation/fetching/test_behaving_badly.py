"""Redirects, drips, silence and what is not HTTP: each ends in time and is told by its name."""

from __future__ import annotations

import time

import pytest

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
from tests.validation.fetching.looks import LONG, PATH, URL, impatient
from validation.fetcher import Fetcher


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
