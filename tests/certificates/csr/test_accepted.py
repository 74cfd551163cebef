"""What a CSR says, in every way in which programs write one."""

from __future__ import annotations

import base64
import re
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certificates import csr, keys
from tests.certificates import samples
from tests.certificates.csr.reading import DER, PLAIN, names_in, slugs_of
from tests.certificates.samples import pem


def test_it_says_what_is_in_a_csr() -> None:
    key = samples.key_of("rsa-2048")
    der = samples.csr(
        ["www.example.com", "Example.com", "*.example.com"],
        key=key,
        subject=[(NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Acme & Söhne")],
    )
    report = csr.read(pem(der))
    assert [name.text for name in report.names] == ["www.example.com", "example.com", "*.example.com"]
    assert report.subject == {
        "country": "DE",
        "organization": "Acme & Söhne",
        "common_name": "www.example.com",
    }
    assert (report.key_type, report.key_bits, report.signature_hash) == ("rsa-2048", 2048, "SHA-256")
    assert report.spki_sha256 == keys.spki_sha256(key.public_key())
    assert report.der == der
    assert report.has_san
    assert len(report.notes) == 1
    assert "organization" in report.notes[0]
    assert "BEGIN" not in repr(report)


def test_the_common_name_comes_first_and_once() -> None:
    assert names_in(samples.csr(["a.com", "b.com"], common="b.com")) == ["b.com", "a.com"]
    assert names_in(samples.csr(["a.com", "b.com"], common="c.com")) == ["c.com", "a.com", "b.com"]
    assert names_in(samples.csr(["a.com", "b.com"], common=None)) == ["a.com", "b.com"]


def test_a_common_name_alone_is_a_name() -> None:
    report = csr.read(samples.csr([], common="a.com"))
    assert [name.text for name in report.names] == ["a.com"]
    assert not report.has_san
    assert report.notes == []


@pytest.mark.parametrize(
    "pasted",
    [
        PLAIN,
        PLAIN.encode(),
        pem(DER, "NEW CERTIFICATE REQUEST"),
        pem(DER, newline="\r\n"),
        pem(DER, newline="\r"),
        "\ufeff" + PLAIN,
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        "Generating a private key\n.....+++\nCertificate Request:\n    Data:\n" + PLAIN + "\nthank you\n",
        PLAIN + PLAIN,
        "\n\n   " + PLAIN.replace("\n", "\n   "),
        PLAIN.strip(),
        PLAIN.replace("\n", " "),
        base64.b64encode(DER).decode(),
        "\n".join(PLAIN.splitlines()[1:-1]),
        DER,
        PLAIN + samples.pem_of(samples.hierarchy()[0]),
    ],
)
def test_it_reads_every_way_in_which_programs_write_one(pasted: str | bytes) -> None:
    assert names_in(pasted) == ["example.com"]


def test_it_reads_what_windows_adds() -> None:
    windows = [
        ("1.3.6.1.4.1.311.13.2.3", b"6.2.9200.2"),
        ("1.3.6.1.4.1.311.21.20", b"\x30\x00"),
        ("1.3.6.1.4.1.311.13.2.2", b"\x30\x00"),
    ]
    usage = x509.KeyUsage(True, False, True, False, False, False, False, False, False)
    extensions = [
        (usage, True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.840.113549.1.9.15"), b"\x30\x00"), False),
    ]
    der = samples.csr(["example.com"], attributes=windows, extensions=extensions)
    assert names_in(pem(der, "NEW CERTIFICATE REQUEST", "\r\n")) == ["example.com"]


def test_a_hundred_names_are_read_and_one_more_is_refused() -> None:
    hundred = [f"a{n}.example.com" for n in range(100)]
    assert names_in(samples.csr(hundred)) == hundred
    assert slugs_of(samples.csr([*hundred, "b.example.com"])) == ["too_many_names"]
    assert slugs_of(samples.csr(hundred, common="b.example.com")) == ["too_many_names"]
    assert slugs_of(samples.csr(["a.com", "b.com"]), most_names=1) == ["too_many_names"]


@pytest.mark.parametrize("key_type", ["rsa-2048", "ec-p256", "ec-p384"])
def test_it_knows_the_kinds_of_keys(key_type: str) -> None:
    assert csr.read(samples.csr(key=samples.key_of(key_type))).key_type == key_type


@pytest.mark.parametrize(("algorithm", "said"), [(hashes.SHA384(), "SHA-384"), (hashes.SHA512(), "SHA-512")])
def test_it_names_the_hash(algorithm: hashes.HashAlgorithm, said: str) -> None:
    assert csr.read(samples.csr(algorithm=algorithm)).signature_hash == said


def test_reserved_names_pass_only_in_a_sandbox() -> None:
    der = samples.csr(["shop.example.test"])
    assert slugs_of(der) == ["common_name", "bad_name"]
    assert [name.text for name in csr.read(der, allow_reserved=True).names] == ["shop.example.test"]


def test_our_names_are_those_that_openssl_reads() -> None:
    der = samples.csr(["a.com", "*.b.com", "xn--mnchen-3ya.de"], common=None)
    done = subprocess.run(
        ["openssl", "req", "-inform", "DER", "-noout", "-text"], input=der, capture_output=True, check=True
    )
    assert re.findall(r"DNS:([^,\s]+)", done.stdout.decode()) == names_in(der)
