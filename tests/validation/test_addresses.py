"""validation/addresses.py: which addresses are public."""

from __future__ import annotations

import ipaddress

import pytest

from validation.addresses import embedded, is_public, may_connect, networks

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.1.2.3",
    "127.255.255.254",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::c0a8:1",
    "64:ff9b:1::1",
    "100::1",
    "100:0:0:1::1",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:808:808::1",
    "2620:4f:8000::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fec0::1",
    "feff::1",
    "ff00::1",
    "ff02::1",
    "ff0e::1",
    "4000::1",
    "1::1",
    "e000::1",
]

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450::1",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_it_refuses_every_special_address(text):
    assert not is_public(ipaddress.ip_address(text))
    assert not may_connect(text, ())


@pytest.mark.parametrize("text", PUBLIC)
def test_it_lets_ordinary_addresses_pass(text):
    assert may_connect(text, ())


def test_the_table_is_long_enough():
    assert len(NOT_PUBLIC) >= 60


@pytest.mark.parametrize(
    "text", ["", "example.com", "127.1", "0x7f.1", "2130706433", "[::1]", "1.2.3.4.5", "８.８.８.８"]
)
def test_what_is_no_address_is_not_connected_to(text):
    assert not may_connect(text, networks(["0.0.0.0/0", "::/0"]))


def test_the_operators_exceptions_are_exact():
    allowed = networks(["127.0.0.0/8", "fd00::/64"])
    assert may_connect("127.5.5.5", allowed)
    assert may_connect("fd00::2", allowed)
    assert not may_connect("::ffff:127.0.0.1", allowed)
    assert not may_connect("10.0.0.1", allowed)
    assert not may_connect("fd00:0:0:1::1", allowed)


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("::ffff:1.2.3.4", ["1.2.3.4"]),
        ("::1.2.3.4", ["1.2.3.4"]),
        ("64:ff9b::102:304", ["1.2.3.4"]),
        ("2002:102:304::1", ["1.2.3.4"]),
        ("2001:0:102:304:0:0:fefd:fcfb", ["1.2.3.4", "1.2.3.4"]),
        ("::ffff:0:102:304", ["1.2.3.4"]),
        ("2a00:1450::1", []),
        ("1.2.3.4", []),
    ],
)
def test_addresses_inside_addresses_are_seen(text, inner):
    assert [str(address) for address in embedded(ipaddress.ip_address(text))] == inner
