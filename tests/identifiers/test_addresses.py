"""IP identifiers (RFC 8738): one spelling, public only, and nothing that merely resembles an address."""

from __future__ import annotations

import pytest

from identifiers.names import Name, UnacceptableName, parse, parse_many


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("203.0.114.7", "203.0.114.7"),
        (" 8.8.8.8 ", "8.8.8.8"),
        ("2606:4700:4700:0:0:0:0:1111", "2606:4700:4700::1111"),
        ("[2606:4700:4700::1111]", "2606:4700:4700::1111"),
        ("2606:4700:4700::1111".upper(), "2606:4700:4700::1111"),
    ],
)
def test_an_address_has_one_spelling(written, kept):
    name = parse(written, allow_ip=True)
    assert name == Name(kept)
    assert name.is_ip
    assert name.text == name.unicode == name.registrable == name.rate_limit_group == kept
    assert name.authorization_domains() == (name,)
    assert name.parents() == ()


@pytest.mark.parametrize(
    "written",
    [
        "127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255",
        "0.0.0.0", "192.0.2.1", "::1", "fe80::1", "fd00::1", "::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b::808:808",
        "2001:db8::1", "ff02::1",
    ],
)  # fmt: skip
def test_an_address_that_is_nobodys_own_is_refused_and_says_why(written):
    with pytest.raises(UnacceptableName) as refused:
        parse(written, allow_ip=True)
    assert refused.value.slug == "private_address"
    assert "not a public address" in str(refused.value)
    assert parse(written, allow_ip=True, allow_reserved=True).is_ip


@pytest.mark.parametrize(
    "written",
    [
        "8.8.8",
        "8.8.8.8.8",
        "0x8.8.8.8",
        "010.8.8.8",
        "8.8.8.8/32",
        "[8.8.8.8]",
        "fe80::1%eth0",
        "*.8.8.8.8",
        "1.2.3.256",
    ],
)
def test_what_only_resembles_an_address_is_no_name(written):
    with pytest.raises(UnacceptableName):
        parse(written, allow_ip=True, allow_reserved=True)


def test_without_leave_an_address_is_refused_as_ever():
    with pytest.raises(UnacceptableName) as refused:
        parse("8.8.8.8")
    assert refused.value.slug == "ip_address"


def test_names_and_addresses_stand_in_one_list():
    names = parse_many("example.com, 8.8.8.8\n2606:4700::1111", allow_ip=True)
    assert [name.text for name in names] == ["example.com", "8.8.8.8", "2606:4700::1111"]
    assert [name.is_ip for name in names] == [False, True, True]


@pytest.mark.parametrize("text", ["example.com", "4.example.com", "xn--bcher-kva.example", "a1.example"])
def test_a_domain_is_no_address(text):
    assert not Name(text).is_ip


def test_a_wildcard_covers_no_address():
    assert not Name("8.8.8", wildcard=True).covers(Name("8.8.8.8")) or Name("8.8.8.8").is_ip
    assert not Name("example.com", wildcard=True).covers(Name("8.8.8.8"))
