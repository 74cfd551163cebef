"""validation/doctor.py: one engine for every look, from the order page to the last one before the CA is asked."""

from __future__ import annotations

import time

import pytest
from dns import rcode

from certificates.models import CaAccount
from identifiers.names import Name
from portal.precheck import caa_check
from tests.conftest import NOW
from tests.factories import CaAccountFactory, ProductFactory, ProductIssuerFactory
from tests.validation import fake_web
from tests.validation.conftest import KEY_AUTHORIZATION
from validation import doctor
from validation.key_authorization import value_of
from validation.problems import Finding

NAME = "_acme-challenge.shop.example"
BARRED = Finding(
    "caa_other_issuer", False, repair='shop.example. CAA 0 issue "ca.example"', facts={"found_at": "x"}
)


def test_what_is_in_place_is_not_told_so_while_caa_keeps_the_ca_out(alice, authorization_of, dns):
    row = authorization_of(alice)
    asked = []

    def forbidden(authorization):
        asked.append(authorization)
        return BARRED

    assert doctor.examine(row, row.challenge(), NOW, forbidden=forbidden).slug == "dns_nothing"
    assert asked == []  # one thing at a time, and no question for nothing
    dns.txt(NAME, value_of(KEY_AUTHORIZATION))
    finding = doctor.examine(row, row.challenge(), NOW, forbidden=forbidden)
    assert (finding, asked) == (BARRED, [row])
    assert doctor.examine(row, row.challenge(), NOW).in_place


@pytest.mark.parametrize(
    ("arrange", "slug"),
    [
        (lambda dns: None, None),
        (lambda dns: dns.add(NAME, "CNAME", "x.dcv.example."), None),
        (lambda dns: dns.fail(NAME), "dns_servfail"),
        (lambda dns: dns.fail(NAME, dns_refused()), "dns_lame"),
        (lambda dns: dns.bogus(NAME), "dns_bogus"),
        (lambda dns: setattr(dns, "silent", True), "dns_timeout"),
    ],
)
def test_what_no_method_could_get_round_is_foreseen(dns, arrange, slug):
    arrange(dns)
    finding = doctor.foresee(Name("shop.example"))
    assert (finding.slug if finding else None) == slug


def dns_refused() -> int:
    return int(rcode.REFUSED)


def test_an_address_has_no_dns_to_foresee_anything_in():
    assert doctor.foresee(Name("192.0.2.1")) is None


@pytest.fixture
def product(db):
    issuer = ProductIssuerFactory(
        product=ProductFactory(),
        account=CaAccountFactory(caa_identities=["ca.example"], account_url="https://ca.example/acct/1"),
    )
    return issuer.product


def test_the_order_page_tells_of_dns_that_fails_and_lets_one_order(product, dns):
    dns.bogus(NAME)
    (notice,) = caa_check(product, [Name("shop.example"), Name("192.0.2.1")])
    assert type(notice).__name__ == "Notice"
    assert "DNSSEC" in notice.message
    assert "–" not in notice.message


def test_the_order_page_refuses_what_caa_forbids_with_the_record_to_add(product, dns):
    dns.add("shop.example", "CAA", '0 issue "letsencrypt.org"')
    (refusal,) = caa_check(product, [Name("shop.example")])
    assert refusal.record == 'shop.example. CAA 0 issue "ca.example"'
    assert "letsencrypt.org" in refusal.message
    dns.add("shop.example", "CAA", '0 issue "letsencrypt.org"', '0 issue "ca.example"')
    assert caa_check(product, [Name("shop.example")]) == []


def test_the_order_page_compares_the_account_where_there_is_only_one(product, dns):
    dns.add("shop.example", "CAA", '0 issue "ca.example; accounturi=https://ca.example/acct/2"')
    (refusal,) = caa_check(product, [Name("shop.example")])
    assert "accounturi" in refusal.message


# --- before a method is chosen --------------------------------------------------------------------------------


def foreseen(name="shop.example", issuers=("ca.example",), **more):
    return doctor.foresee_ways(Name.of(name), issuers, seconds=3.0, **more)


def slugs(seen):
    return {method: finding.slug for method, finding in seen.ways.items()}


@pytest.mark.parametrize(
    ("answer", "slug"),
    [
        (fake_web.page("not found", 404), None),
        (fake_web.page("gone", 410), None),
        (fake_web.redirect("http://shop.example/elsewhere"), "http_redirect_elsewhere"),
        (fake_web.page("<html>Welcome", 200), "http_answers_all"),
        (lambda conn, request: fake_web.page(request.split(" ")[1])(conn, request), "http_answers_all"),
        (fake_web.page('<form><input type="password">', 200), "http_login"),
        (fake_web.page("no", 403), "http_forbidden"),
        (fake_web.page("oops", 503), "http_server_error"),
        (fake_web.raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "http_no_http"),
    ],
)
def test_a_web_server_is_asked_for_a_file_that_cannot_be_there_yet(dns, web, answer, slug):
    dns.add("shop.example", "A", "127.0.0.1")
    web.otherwise = answer
    if slug == "http_redirect_elsewhere":
        web.pages["/elsewhere"] = fake_web.page("not found", 404)
    seen = foreseen()
    assert seen.always is None
    assert slugs(seen) == ({"http-01": slug} if slug else {})
    assert all("–" not in finding.title + finding.advice for finding in seen.ways.values())
    assert all(finding.repair == "" for finding in seen.ways.values())
    assert "/.well-known/acme-challenge/" in web.requests[0]


@pytest.mark.parametrize(
    ("addresses", "slug"),
    [((), "http_no_address"), (("10.1.2.3",), "http_private_address"), (("127.0.0.9",), "http_refused")],
)
def test_where_no_web_server_can_be_reached_http_alone_is_out(dns, web, addresses, slug):
    if addresses:
        dns.add("shop.example", "A", *addresses)
    seen = foreseen()
    assert (seen.always, slugs(seen)) == (None, {"http-01": slug})


def test_an_address_that_does_not_work_beside_one_that_does_is_told(dns, web):
    dns.add("shop.example", "A", "127.0.0.1")
    dns.add("shop.example", "AAAA", "::1")
    finding = foreseen().ways["http-01"]
    assert finding.slug == "http_address_down"
    assert finding.title == "One of the addresses of shop.example, ::1, does not work."
    assert "There: ::1 refuses connections on port 80." in finding.advice


def test_a_wildcard_is_not_asked_for_over_http_and_an_address_not_in_dns(dns, web):
    dns.add("shop.example", "A", "127.0.0.1")
    assert foreseen("*.shop.example").ways == {}
    assert web.requests == []
    dns.asked.clear()
    assert foreseen("127.0.0.1").ways == {}
    assert (len(web.requests), dns.asked) == (1, [])


def test_dns_that_fails_stands_in_the_way_of_every_method(dns, web):
    dns.bogus(NAME)
    seen = foreseen()
    assert (seen.always.slug, seen.ways) == ("dns_bogus", {})


def test_caa_keeps_out_every_method_or_one(dns, web):
    dns.add("shop.example", "A", "127.0.0.1")
    dns.add("shop.example", "CAA", '0 issue "letsencrypt.org"')
    seen = foreseen()
    assert (seen.always.slug, seen.ways) == ("caa_other_issuer", {})
    assert seen.always.repair == 'shop.example. CAA 0 issue "ca.example"'
    dns.add("shop.example", "CAA", '0 issue "ca.example; validationmethods=dns-01"')
    assert slugs(foreseen()) == {"http-01": "caa_method"}
    assert foreseen(issuers=()).always is None


def test_it_recognises_who_keeps_the_dns(dns, web):
    dns.add("shop.example", "A", "127.0.0.1")
    dns.add("shop.example", "NS", "amy.ns.cloudflare.com.", "bob.ns.cloudflare.com.")
    assert foreseen("www.shop.example").provider == "cloudflare"


def test_a_server_that_never_answers_takes_no_longer_than_it_may(dns, web):
    dns.add("shop.example", "A", "127.0.0.1")
    web.otherwise = fake_web.drip(b"HTTP/1.1 200 OK\r\n" * 6, 1.0)
    begun = time.monotonic()
    seen = doctor.foresee_ways(Name("shop.example"), (), seconds=3.0)
    assert slugs(seen) == {"http-01": "http_timeout"}
    assert time.monotonic() - begun < 30, "a minute and a half to its last byte"


def test_an_account_for_each_customer_is_not_compared_at_the_order_page(product, dns):
    CaAccount.objects.update(per_customer=True)
    dns.add("shop.example", "CAA", '0 issue "ca.example; accounturi=https://ca.example/acct/2"')
    assert caa_check(product, [Name("shop.example")]) == []
