"""Keys made by us: the right kinds, written and read back, and CSRs that our own reader accepts."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from certificates import csr, keys
from identifiers.names import Name, parse
from tests.certificates import samples


@pytest.mark.parametrize(
    ("key_type", "bits"), [("rsa-2048", 2048), ("rsa-3072", 3072), ("ec-p256", 256), ("ec-p384", 384)]
)
def test_every_type_makes_a_key_of_its_size(key_type: str, bits: int) -> None:
    key = keys.generate(key_type)
    assert key.key_size == bits
    assert isinstance(key, rsa.RSAPrivateKey if key_type.startswith("rsa") else ec.EllipticCurvePrivateKey)


def test_every_offered_type_can_be_made() -> None:
    assert set(keys.KEY_TYPES) == {"rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384"}
    assert set(keys.KEY_TYPES) == set(keys._GENERATORS)
    assert all(str(label) for label in keys.KEY_TYPES.values())


def test_an_unknown_type_makes_nothing() -> None:
    with pytest.raises(KeyError):
        keys.generate("rsa-1024")


@pytest.mark.parametrize("key_type", ["rsa-2048", "ec-p256", "ec-p384"])
def test_a_key_written_by_us_is_read_back(key_type: str) -> None:
    key = samples.key_of(key_type)
    again = keys.load_own(keys.to_der(key))
    assert keys.to_pem(again) == keys.to_pem(key)
    assert keys.to_pem(key).startswith(b"-----BEGIN PRIVATE KEY-----\n")


@pytest.mark.parametrize("foreign", [ed25519.Ed25519PrivateKey.generate(), dsa.generate_private_key(1024)])
def test_a_kind_that_we_do_not_make_is_not_read(
    foreign: ed25519.Ed25519PrivateKey | dsa.DSAPrivateKey,
) -> None:
    der = foreign.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(ValueError):
        keys.load_own(der)
    with pytest.raises(ValueError):
        keys.load_own(b"nothing of the kind")


def test_the_identity_of_a_key_is_the_same_from_both_halves() -> None:
    key = samples.key_of()
    identity = keys.spki_sha256(key.public_key())
    assert len(identity) == 64
    assert identity == csr.read(keys.make_csr(key, [parse("a.com")])).spki_sha256


@pytest.mark.parametrize("key_type", ["rsa-2048", "ec-p256", "ec-p384"])
def test_our_csr_passes_our_reader(key_type: str) -> None:
    names = [parse("*.example.com"), parse("example.com"), parse("münchen.de")]
    der = keys.make_csr(
        samples.key_of(key_type),
        names,
        organization="Bäckerei Özil & Söhne",
        locality="München",
        state="Bayern",
        country="de",
        email="a@example.com",
    )
    report = csr.read(der)
    assert report.names == names
    assert report.key_type == key_type
    assert report.subject["organization"] == "Bäckerei Özil & Söhne"
    assert report.subject["country"] == "DE"
    assert report.signature_hash == ("SHA-384" if key_type == "ec-p384" else "SHA-256")
    assert csr.against(report, names) == []


def test_a_first_name_too_long_for_a_common_name_stands_in_the_list_only() -> None:
    long = Name(".".join(["a" * 40, "b" * 40, "example.com"]))
    report = csr.read(keys.make_csr(samples.key_of(), [long, parse("example.com")]))
    assert report.names == [long, parse("example.com")]
    assert "common_name" not in report.subject


def test_a_name_given_twice_is_listed_once() -> None:
    report = csr.read(keys.make_csr(samples.key_of(), [parse("a.com"), parse("b.com"), parse("A.com")]))
    assert [name.text for name in report.names] == ["a.com", "b.com"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("organization", "x" * 65),
        ("organization", "Acme\nInc"),
        ("organization", "Acme\x00Inc"),
        ("locality", "x" * 129),
        ("state", "x" * 129),
        ("country", "Germany"),
        ("country", "D1"),
        ("country", "D"),
        ("email", "nobody"),
        ("email", "jürgen@example.com"),
        ("email", "a b@example.com"),
    ],
)
def test_a_field_that_does_not_fit_is_named(field: str, value: str) -> None:
    with pytest.raises(keys.UnacceptableSubject) as refused:
        keys.make_csr(samples.key_of(), [parse("example.com")], **{field: value})
    assert refused.value.field == field
    assert str(refused.value)


def test_without_a_name_there_is_no_csr() -> None:
    with pytest.raises(ValueError):
        keys.make_csr(samples.key_of(), [])


def test_an_address_stands_in_the_csr_as_an_address_and_never_as_common_name():
    names = [Name("192.0.2.7"), Name("2001:db8::7"), Name("shop.example")]
    request = x509.load_der_x509_csr(keys.make_csr(keys.generate("ec-p256"), names))
    extension = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert [str(entry.value) for entry in extension.value] == ["192.0.2.7", "2001:db8::7", "shop.example"]
    assert [type(entry) for entry in extension.value] == [x509.IPAddress, x509.IPAddress, x509.DNSName]
    assert not list(request.subject)
    assert extension.critical
