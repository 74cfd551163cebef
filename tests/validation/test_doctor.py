"""validation/doctor.py: one engine for every look, from the order page to the last one before the CA is asked."""

from __future__ import annotations

import pytest
from dns import rcode

from identifiers.names import Name
from portal.precheck import caa_check
from tests.conftest import NOW
from tests.factories import CaAccountFactory, ProductFactory, ProductIssuerFactory
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
