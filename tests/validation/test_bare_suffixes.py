"""validation/bare_suffixes.py: what a registry did not have a while ago is not asked for again, what is an owner's always is."""

from __future__ import annotations

from validation import caa
from validation.answers import Answer, Server, ServerAnswer
from validation.bare_suffixes import KEPT_SECONDS, MOST, BareSuffixes

OURS = ["ca.example"]
FORBIDS = '0 issue ";"'


def asked_for_caa(dns) -> list[str]:
    """The names asked for since the last time, in their order."""
    names = [name for _transport, name, rdtype in dns.asked if rdtype == "CAA"]
    dns.asked.clear()
    return names


def reason(name: str) -> str:
    return caa.permits(name, False, OURS).reason


def test_a_suffix_without_records_is_asked_once_and_the_domains_under_it_every_time(dns):
    assert reason("www.shop.example") == reason("shop.example") == reason("other.example") == "caa_none"
    assert asked_for_caa(dns) == [
        "www.shop.example",
        "shop.example",
        "example",
        "shop.example",
        "other.example",
    ]


def test_a_record_that_appears_at_the_domain_is_seen_at_once(dns):
    assert reason("www.shop.example") == "caa_none"
    dns.add("shop.example", "CAA", FORBIDS)
    assert reason("www.shop.example") == "caa_forbids"


def test_a_suffix_with_records_is_read_every_time(dns):
    dns.add("example", "CAA", FORBIDS)
    assert reason("shop.example") == reason("shop.example") == "caa_forbids"
    dns.remove("example", "CAA")
    assert reason("shop.example") == "caa_none"


def test_a_suffix_of_two_labels_is_one_and_a_customer_of_a_hoster_is_none(dns):
    assert reason("shop.co.uk") == reason("shop.co.uk") == "caa_none"
    assert asked_for_caa(dns) == ["shop.co.uk", "co.uk", "uk", "shop.co.uk"]
    reason("me.github.io")
    asked_for_caa(dns)
    reason("me.github.io")
    assert asked_for_caa(dns) == ["me.github.io", "github.io"]


def test_a_suffix_that_could_not_be_asked_is_asked_again(dns):
    dns.fail("example")
    assert reason("shop.example") == reason("shop.example") == "caa_unknown"
    assert asked_for_caa(dns).count("example") >= 2


def test_other_servers_are_asked_for_themselves(dns, settings):
    reason("shop.example")
    asked_for_caa(dns)
    settings.VALIDATION_NAMESERVERS = [dns.text, dns.text]
    reason("shop.example")
    assert asked_for_caa(dns) == ["shop.example", "example"]


def nothing_at(name: str) -> Answer:
    return Answer(name, "CAA", "", servers=(ServerAnswer(Server("192.0.2.1"), "NXDOMAIN"),))


def test_what_is_remembered_is_forgotten_after_an_hour_and_is_never_much():
    moment = [1000.0]
    bare = BareSuffixes(lambda: moment[0])
    bare.learn("us", "example", nothing_at("example"))
    moment[0] += KEPT_SECONDS - 1
    assert bare.has("us", "example")
    assert not bare.has("others", "example")
    moment[0] += 2
    assert not bare.has("us", "example")
    for number in range(MOST + 1):
        bare.learn("us", f"made-up-{number}", nothing_at(f"made-up-{number}"))
    assert not bare.has("us", "made-up-0")
    assert bare.has("us", f"made-up-{MOST}")
