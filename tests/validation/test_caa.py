"""validation/caa.py and caa_records.py: RFC 8659 and RFC 8657 against a real lookup."""

from __future__ import annotations

import dns.rcode
import pytest

from validation.caa import permits
from validation.caa_records import Malformed, issuer

OURS = ["ca.example", "other-name-of-ca.example"]
ACCOUNT = "https://ca.example/acct/1"


def verdict(dns, *records: str, wildcard: bool = False, at: str = "shop.example", **kwargs) -> str:
    if records:
        dns.add(at, "CAA", *records)
    return permits("shop.example", wildcard, OURS, **kwargs).reason


@pytest.mark.parametrize(
    ("records", "single", "wild"),
    [
        ((), "caa_none", "caa_none"),
        (('0 issue "ca.example"',), "caa_allows", "caa_allows"),
        (('0 issue "CA.Example"',), "caa_allows", "caa_allows"),
        (('0 ISSUE "other-name-of-ca.example"',), "caa_allows", "caa_allows"),
        (('0 issue "  ca.example  "',), "caa_allows", "caa_allows"),
        (('0 issue "ca.example;"',), "caa_allows", "caa_allows"),
        (('0 issue "ca.example; policy=ev"',), "caa_allows", "caa_allows"),
        (('128 issue "ca.example"',), "caa_allows", "caa_allows"),
        (('0 issue "letsencrypt.org"',), "caa_other_issuer", "caa_other_issuer"),
        (('0 issue "letsencrypt.org"', '0 issue "ca.example"'), "caa_allows", "caa_allows"),
        (('0 issue ";"',), "caa_forbids", "caa_forbids"),
        (('0 issue ""',), "caa_forbids", "caa_forbids"),
        (('0 issue ";"', '0 issue "ca.example"'), "caa_allows", "caa_allows"),
        (('0 issuewild "ca.example"',), "caa_none", "caa_allows"),
        (('0 issuewild ";"',), "caa_none", "caa_wildcard"),
        (('0 issue "ca.example"', '0 issuewild ";"'), "caa_allows", "caa_wildcard"),
        (('0 issue ";"', '0 issuewild "ca.example"'), "caa_forbids", "caa_allows"),
        (('0 issue "ca.example"', '0 issuewild "letsencrypt.org"'), "caa_allows", "caa_wildcard"),
        (('0 iodef "mailto:a@shop.example"',), "caa_none", "caa_none"),
        (('0 tbs "x"',), "caa_none", "caa_none"),
        (('128 tbs "x"',), "caa_unknown_critical", "caa_unknown_critical"),
        (('128 tbs "x"', '0 issue "ca.example"'), "caa_unknown_critical", "caa_unknown_critical"),
        (('128 iodef "mailto:a@shop.example"',), "caa_none", "caa_none"),
        # A substring is not the issuer (an incident of 2024).
        (('0 issue "notca.example"',), "caa_other_issuer", "caa_other_issuer"),
        (('0 issue "ca.example.evil.test"',), "caa_other_issuer", "caa_other_issuer"),
        (('0 issue "xca.example"',), "caa_other_issuer", "caa_other_issuer"),
        (('0 issue "sub.ca.example"',), "caa_other_issuer", "caa_other_issuer"),
        (('0 issue "evil.test; ca.example"',), "caa_malformed", "caa_malformed"),
        (('0 issue "ca.example evil.test"',), "caa_malformed", "caa_malformed"),
        (('0 issue "ca.example; a b"',), "caa_malformed", "caa_malformed"),
        (('0 issue "%%%%"',), "caa_malformed", "caa_malformed"),
        (('0 issue "ca.example\\000"',), "caa_malformed", "caa_malformed"),
        (('0 issue "ca_x.example"',), "caa_malformed", "caa_malformed"),
    ],
)
def test_the_records_are_judged_as_cas_do(dns, records, single, wild):
    assert verdict(dns, *records) == single
    assert verdict(dns, *records, wildcard=True) == wild


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"ca.example; accounturi={ACCOUNT}", "caa_allows"),
        (f"ca.example ; accounturi = {ACCOUNT} ;", "caa_allows"),
        (f"ca.example; AccountURI={ACCOUNT}", "caa_allows"),
        (f"ca.example; accounturi={ACCOUNT}0", "caa_account"),
        (f"ca.example; accounturi={ACCOUNT.upper()}", "caa_account"),
        (f"ca.example; accounturi={ACCOUNT}; accounturi={ACCOUNT}", "caa_account"),
        ("ca.example; accounturi=", "caa_account"),
        ("ca.example; validationmethods=dns-01", "caa_allows"),
        ("ca.example; validationmethods=http-01,dns-01", "caa_allows"),
        ("ca.example; validationmethods=http-01", "caa_method"),
        ("ca.example; validationmethods=dns-010", "caa_method"),
        ("ca.example; validationmethods=", "caa_method"),
        (f"ca.example; accounturi={ACCOUNT}; validationmethods=http-01", "caa_method"),
    ],
)
def test_account_and_method_are_compared_when_given(dns, value, expected):
    record = '0 issue "{}"'.format(value.replace(";", "\\;"))
    assert verdict(dns, record, account_url=ACCOUNT, method="dns-01") == expected
    assert verdict(dns, record) == "caa_allows"


def test_it_climbs_to_the_first_name_that_has_records(dns):
    dns.add("example.test", "CAA", '0 issue "letsencrypt.org"')
    report = permits("a.b.example.test", False, OURS)
    assert (report.reason, report.found_at) == ("caa_other_issuer", "example.test")
    dns.add("b.example.test", "CAA", '0 issue "ca.example"')
    report = permits("a.b.example.test", False, OURS)
    assert (report.allowed, report.found_at) == (True, "b.example.test")


def test_even_a_record_without_issue_ends_the_climb(dns):
    dns.add("example.test", "CAA", '0 issue "letsencrypt.org"')
    dns.add("www.example.test", "CAA", '0 iodef "mailto:x@example.test"')
    assert permits("www.example.test", False, OURS).reason == "caa_none"


def test_the_records_of_an_alias_count(dns):
    dns.add("www.shop.example", "CNAME", "cdn.example.")
    dns.add("cdn.example", "CAA", '0 issue "letsencrypt.org"')
    dns.add("shop.example", "CAA", '0 issue "ca.example"')
    report = permits("www.shop.example", False, OURS)
    assert (report.reason, report.found_at) == ("caa_other_issuer", "cdn.example")


@pytest.mark.parametrize(
    ("records", "wildcard", "line"),
    [
        (['0 issue "letsencrypt.org"'], False, 'shop.example. CAA 0 issue "ca.example"'),
        (['0 issue "letsencrypt.org"'], True, 'shop.example. CAA 0 issue "ca.example"'),
        (['0 issuewild ";"'], True, 'shop.example. CAA 0 issuewild "ca.example"'),
        (['0 issue ";"'], False, 'shop.example. CAA 0 issue "ca.example"'),
        (['128 tbs "x"'], False, ""),
    ],
)
def test_the_record_to_add_makes_it_right(dns, records, wildcard, line):
    dns.add("shop.example", "CAA", *records)
    report = permits("shop.example", wildcard, OURS)
    assert (report.allowed, report.record_to_add) == (False, line)
    assert report.title
    assert report.advice
    if line:
        assert line == report.finding.repair
        dns.add("shop.example", "CAA", *records, line.split(" CAA ")[1])
        assert permits("shop.example", wildcard, OURS).allowed


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
def test_a_failed_lookup_is_told_and_does_not_stop(dns, rcode):
    dns.fail("shop.example", rcode)
    report = permits("www.shop.example", False, OURS)
    assert (report.allowed, report.unknown, report.reason, report.found_at) == (
        True,
        True,
        "caa_unknown",
        "shop.example",
    )
    assert "shop.example" in report.title


def test_a_circle_of_aliases_is_unknown(dns):
    dns.add("shop.example", "CNAME", "shop.example.")
    assert permits("shop.example", False, OURS).unknown


def test_a_ca_without_a_name_is_not_compared(dns):
    dns.add("shop.example", "CAA", '0 issue "letsencrypt.org"')
    report = permits("shop.example", False, [])
    assert (report.allowed, report.reason) == (True, "caa_no_issuer")


def test_hostile_values_are_cleaned_before_they_are_shown(dns):
    dns.add("shop.example", "CAA", '0 issue "\\027[31m<script>\\010"')
    report = permits("shop.example", False, OURS)
    assert (report.allowed, report.reason) == (False, "caa_malformed")
    assert report.title.isprintable()


@pytest.mark.parametrize(
    "value",
    [
        "ca.example; =x",
        "ca.example; a=b c=d",
        "-ca.example",
        "ca..example",
        "ca.example; a=\x7f",
        "ca.example; é=1",
    ],
)
def test_the_grammar_is_strict(value):
    with pytest.raises(Malformed):
        issuer(value)
