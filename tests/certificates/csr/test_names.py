"""The names in a CSR: hostile ones, those of another kind, and IP addresses where the product carries them (RFC 8738)."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from certificates import csr
from certificates.csr import UnacceptableCSR
from tests.certificates import samples
from tests.certificates.csr.reading import slugs_of
from tests.certificates.samples import common_name, oid, raw_csr, san_of, sequence, tlv


@pytest.mark.parametrize(
    "name",
    [
        b"example.com\x00.evil.com",
        b"example.com\nevil.com",
        b"<script>alert(1)</script>.com",
        b"example.com; return 200",
        b"exa mple.com",
        b" example.com",
        b"example.com.",
        b"../../etc/x",
        b"{{7*7}}.com",
        b"a.*.com",
        b"*.*.com",
        b"a" * 64 + b".com",
        b"192.168.1.1",
        b"*.co.uk",
        b"localhost",
        b"server.local",
        b"https://example.com/",
        b"me@example.com",
        b"under_score.com",
        b"",
        b".",
        b"xn--a.com",
        b"a." * 130 + b"com",
    ],
)
def test_a_hostile_name_in_the_list_is_refused(name: bytes) -> None:
    assert slugs_of(raw_csr(extensions=[san_of("example.com", name)])) == ["bad_name"]


def test_a_name_that_is_not_ascii_is_refused() -> None:
    assert slugs_of(raw_csr(extensions=[san_of("münchen.de")])) == ["bad_name"]
    assert slugs_of(raw_csr(extensions=[san_of(b"\xff\xfe.de")])) == ["unreadable_extensions"]


@pytest.mark.parametrize(
    "text",
    [
        "My Server",
        "Acme Inc",
        "example.com\x00",
        "192.168.1.1",
        "*.com",
        " example.com",
        "münchen.de",
        "https://example.com",
    ],
)
def test_a_common_name_that_is_no_domain_is_refused(text: str) -> None:
    assert slugs_of(raw_csr(subject=common_name(text), extensions=[san_of("example.com")])) == ["common_name"]


def test_two_common_names_are_refused() -> None:
    part = tlv(0x31, sequence(oid("2.5.4.3"), tlv(0x0C, b"a.com")))
    assert slugs_of(raw_csr(subject=sequence(part, part))) == ["several_common_names"]


def test_at_most_ten_bad_names_are_told() -> None:
    assert slugs_of(raw_csr(extensions=[san_of(*(f"bad_{n}.com" for n in range(90)))])) == ["bad_name"] * 10


@pytest.mark.parametrize(
    ("tag", "value", "slug"),
    [
        (0x81, b"me@example.com", "san_email"),
        (0x86, b"https://example.com/", "san_uri"),
        (0x87, b"\x7f\x00\x00\x01", "san_ip"),
        (0x88, b"\x2a\x03\x04", "san_other"),
    ],
)
def test_a_name_of_another_kind_is_refused(tag: int, value: bytes, slug: str) -> None:
    der = raw_csr(subject=common_name("example.com"), extensions=[san_of(value, tag=tag)])
    assert slugs_of(der) == [slug]


def test_names_given_twice_are_refused() -> None:
    with pytest.raises(UnacceptableCSR) as refused:
        csr.read(raw_csr(extensions=[san_of("a.com", "b.com", "A.COM")]))
    assert refused.value.slugs == ["duplicate_names"]
    assert "a.com" in refused.value.problems[0].message


def test_a_csr_without_a_name_is_refused() -> None:
    assert slugs_of(raw_csr()) == ["no_names"]
    assert slugs_of(raw_csr(extensions=[])) == ["no_names"]
    assert slugs_of(raw_csr(extensions=[san_of()])) in (["no_names"], ["unreadable_extensions"])


def test_all_that_is_wrong_is_told_at_once() -> None:
    weak = rsa.generate_private_key(65537, 1024)
    der = samples.csr(
        ["bad_name.com"],
        common="My Server",
        key=weak,
        algorithm=hashes.SHA256(),
        extensions=[(x509.TLSFeature([x509.TLSFeatureType.status_request]), False)],
    )
    assert slugs_of(der) == ["rsa_too_small", "must_staple", "common_name", "bad_name"]


def test_addresses_in_a_csr_are_read_where_they_may_be_bought() -> None:
    der = raw_csr(extensions=[san_of(b"\x08\x08\x08\x08", tag=0x87)])
    assert [name.text for name in csr.read(der, allow_ip=True).names] == ["8.8.8.8"]
    assert slugs_of(der) == ["san_ip"]


@pytest.mark.parametrize("value", [b"\x7f\x00\x00\x01", b"\x0a\x00\x00\x01", bytes(16)])
def test_an_inner_address_in_a_csr_is_refused(value: bytes) -> None:
    with pytest.raises(UnacceptableCSR) as refused:
        csr.read(raw_csr(extensions=[san_of(value, tag=0x87)]), allow_ip=True)
    assert [problem.slug for problem in refused.value.problems] == ["bad_name"]


@pytest.mark.parametrize("value", [b"", b"\x08\x08\x08", b"\x08" * 5, b"\x08\x08\x08\x08\xff\xff\xff\x00"])
def test_an_address_of_a_wrong_length_is_refused(value: bytes) -> None:
    with pytest.raises(UnacceptableCSR):
        csr.read(raw_csr(extensions=[san_of(value, tag=0x87)]), allow_ip=True)


def test_an_address_as_common_name_is_refused_even_there() -> None:
    der = raw_csr(subject=common_name("8.8.8.8"), extensions=[san_of(b"\x08\x08\x08\x08", tag=0x87)])
    with pytest.raises(UnacceptableCSR) as refused:
        csr.read(der, allow_ip=True)
    assert [problem.slug for problem in refused.value.problems] == ["common_name"]
