"""validation/methods/http_01.py: every usual slip of a web server gets its own word."""

from __future__ import annotations

import pytest

from tests.conftest import NOW
from tests.validation.conftest import KEY_AUTHORIZATION, TOKEN
from tests.validation.fake_web import endless, hang_up, page, raw, redirect
from validation.methods.dns_01 import value_of
from validation.methods.http_01 import Http01

PATH = f"/.well-known/acme-challenge/{TOKEN}"
ECHO = f"<html><h1>Sorry</h1>We have no page {PATH} here, try the search.</html>"


def look(row):
    return Http01().look(row, row.challenge(), NOW)


@pytest.fixture
def row(alice, authorization_of, dns, web):
    dns.add("shop.example", "A", "127.0.0.1")
    return authorization_of(alice, method="http-01")


TABLE = {
    "right": (page(KEY_AUTHORIZATION), "in_place"),
    "right with line end": (page(KEY_AUTHORIZATION + "\r\n"), "in_place"),
    "right with blanks behind": (page(KEY_AUTHORIZATION + " \t\n\n"), "in_place"),
    "right without length": (raw(f"HTTP/1.1 200 OK\r\n\r\n{KEY_AUTHORIZATION}".encode()), "in_place"),
    "right in chunks": (
        raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n57\r\n"
            + KEY_AUTHORIZATION.encode()
            + b"\r\n0\r\n\r\n"
        ),
        "in_place",
    ),
    "right as HTTP/1.0": (raw(f"HTTP/1.0 200 OK\r\n\r\n{KEY_AUTHORIZATION}".encode()), "in_place"),
    "blank before": (page(" " + KEY_AUTHORIZATION), "http_whitespace"),
    "other text": (page("hello"), "http_wrong_body"),
    "empty": (page(""), "http_wrong_body"),
    "only the token": (page(TOKEN), "http_token"),
    "another thumbprint": (page(f"{TOKEN}.other"), "http_other_account"),
    "value twice": (page(KEY_AUTHORIZATION * 2), "http_trailing_data"),
    "value in html": (page(f"<pre>{KEY_AUTHORIZATION}</pre>"), "http_html_around"),
    "lower case": (page(KEY_AUTHORIZATION.lower()), "http_case"),
    "byte order mark": (page(b"\xef\xbb\xbf" + KEY_AUTHORIZATION.encode()), "http_bom"),
    "utf-16": (page(KEY_AUTHORIZATION.encode("utf-16")), "http_utf16"),
    "the dns value": (page(value_of(KEY_AUTHORIZATION)), "http_dns_value"),
    "200 that echoes the path": (page(ECHO), "http_echo"),
    "404 that echoes the path": (page(ECHO, 404), "http_not_found"),
    "404 with the right body": (page(KEY_AUTHORIZATION, 404), "http_not_found"),
    "206 with the right body": (page(KEY_AUTHORIZATION, 206), "http_status"),
    "403": (page("no", 403), "http_forbidden"),
    "401": (page("no", 401), "http_forbidden"),
    "410": (page("gone", 410), "http_not_found"),
    "500": (page("oops", 500), "http_server_error"),
    "503": (page("later", 503), "http_server_error"),
    "a big page": (page("x" * 5000), "http_too_large"),
    "a gigabyte": (endless, "http_too_large"),
    "right and then a lot": (page(KEY_AUTHORIZATION + "\n" * 5000), "http_too_large"),
    "303": (redirect("http://shop.example/x", 303), "http_bad_redirect"),
    "a strange port": (redirect("http://shop.example:8080/x"), "http_bad_redirect"),
    "an address": (redirect("http://192.0.2.1/x"), "http_bad_redirect"),
    "a private name": (redirect("http://private.example/x"), "http_private_address"),
    "the metadata service": (redirect("http://metadata.example/x"), "http_private_address"),
    "a circle": (redirect(PATH), "http_redirect_loop"),
    "a lost name": (redirect("http://lost.example/x"), "http_redirect_elsewhere"),
    "no https behind": (redirect(f"https://shop.example{PATH}"), "http_refused"),
    "closed at once": (hang_up, "http_closed"),
    "no http": (raw(b"220 mail.example ESMTP\r\n"), "http_no_http"),
    "control characters": (page("\x1b[31m\x00<script>\u202e"), "http_html"),
}


@pytest.mark.parametrize("case", TABLE)
def test_every_misconfiguration_has_its_word(row, dns, web, settings, case):
    answer, slug = TABLE[case]
    settings.INSTALLATION_TLS_PORT = 1
    dns.add("private.example", "A", "10.0.0.1")
    dns.add("metadata.example", "A", "169.254.169.254")
    web.pages[PATH] = answer
    finding = look(row)
    assert finding.slug == slug
    assert finding.in_place == (slug == "in_place")
    assert finding.expected == KEY_AUTHORIZATION
    assert finding.repair == KEY_AUTHORIZATION
    assert finding.seen.isprintable()
    assert len(finding.seen) <= 200
    assert "–" not in finding.title
    assert "–" not in finding.advice


def test_right_behind_a_redirect_is_in_place(row, web):
    web.pages[PATH] = redirect("http://shop.example/central", 308)
    web.pages["/central"] = page(KEY_AUTHORIZATION)
    finding = look(row)
    assert finding.in_place
    assert [hop["status"] for hop in finding.facts["hops"]] == [308, 200]


def test_a_hidden_ending_is_found(row, web):
    web.pages[f"{PATH}.txt"] = page(KEY_AUTHORIZATION)
    finding = look(row)
    assert finding.slug == "http_txt_extension"
    assert TOKEN in finding.advice


def test_no_address_and_a_private_one_are_told_apart(row, dns):
    dns.remove("shop.example", "A")
    assert look(row).slug == "http_no_address"
    dns.add("shop.example", "A", "10.1.2.3")
    finding = look(row)
    assert finding.slug == "http_private_address"
    assert "10.1.2.3" in finding.title


def test_refused_is_told_with_the_address(row, web):
    web.close()
    finding = look(row)
    assert (finding.slug, finding.facts["address"]) == ("http_refused", "127.0.0.1")


def test_one_address_that_fails_is_named(row, dns, web, open_web):
    web.pages[PATH] = page(KEY_AUTHORIZATION)
    old = open_web("127.0.0.2")
    dns.add("shop.example", "A", "127.0.0.1", "127.0.0.2")
    finding = look(row)
    assert (finding.slug, finding.facts["address"]) == ("http_some_addresses", "127.0.0.2")
    assert "404" in finding.advice
    old.pages[PATH] = page(KEY_AUTHORIZATION)
    assert look(row).in_place


def test_an_unreachable_ipv6_beside_a_good_ipv4_is_named(row, dns, web):
    web.pages[PATH] = page(KEY_AUTHORIZATION)
    dns.add("shop.example", "AAAA", "::1")
    finding = look(row)
    assert (finding.slug, finding.facts["address"]) == ("http_ipv6", "::1")
    assert finding.remove == ("shop.example. AAAA ::1",)


def test_a_private_address_beside_a_good_one_is_named(row, dns, web):
    web.pages[PATH] = page(KEY_AUTHORIZATION)
    dns.add("shop.example", "A", "127.0.0.1", "192.168.0.10")
    finding = look(row)
    assert (finding.slug, finding.facts["address"]) == ("http_some_addresses", "192.168.0.10")


def test_of_several_failures_the_one_that_got_furthest_is_told(row, dns, web):
    web.pages[PATH] = page("wrong")
    dns.add("shop.example", "A", "127.0.0.9", "127.0.0.1")
    assert look(row).slug == "http_wrong_body"


def test_it_never_proves_a_wildcard():
    assert Http01().can_prove("shop.example", False)
    assert not Http01().can_prove("shop.example", True)


def test_the_instruction_names_every_part(row):
    told = Http01().instruction(row.challenge(), "shop.example")
    assert told.url == f"http://shop.example{PATH}"
    assert (told.folder + told.file_name, told.content) == (PATH, KEY_AUTHORIZATION)
    assert [r.value for r in told.rows] == [
        TOKEN,
        "/.well-known/acme-challenge/",
        KEY_AUTHORIZATION,
        told.url,
    ]
