"""Keys and signatures that no CA would take, or that would be no protection."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from certificates import csr, keys, public_keys
from tests.certificates import samples
from tests.certificates.csr.reading import DER, names_in, slugs_of
from tests.certificates.samples import oid, raw_csr, san_of, sequence, tlv


def test_a_wrong_signature_is_refused() -> None:
    broken = bytearray(DER)
    broken[-5] ^= 1
    assert slugs_of(bytes(broken)) == ["bad_signature"]
    swapped = DER.replace(b"example", b"exbmple")
    assert slugs_of(swapped) == ["bad_signature"]


def test_a_csr_signed_with_another_key_is_refused() -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    spki = other.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert slugs_of(raw_csr(extensions=[san_of("a.com")], spki=spki)) == ["bad_signature"]


@pytest.mark.parametrize("signature_oid", [samples.RSA_SHA1, samples.RSA_MD5, "1.3.14.3.2.29"])
def test_a_forgeable_hash_is_refused(signature_oid: str) -> None:
    der = raw_csr(extensions=[san_of("a.com")], key=samples.key_of("rsa-2048"), signature_oid=signature_oid)
    assert slugs_of(der) == ["weak_signature"]


@pytest.mark.parametrize(
    "signature_oid", ["1.2.840.113549.1.1.10", "1.2.840.113549.1.1.14", "1.2.3.4", "2.16.840.1.101.3.4.3.14"]
)
def test_an_unusual_signature_is_refused(signature_oid: str) -> None:
    der = raw_csr(extensions=[san_of("a.com")], key=samples.key_of("rsa-2048"), signature_oid=signature_oid)
    assert slugs_of(der)[0] in {"unsupported_signature", "unparsable"}


@pytest.mark.parametrize(
    ("size", "slug"),
    [(1024, "rsa_too_small"), (2047, "rsa_too_small"), (2056, "rsa_size"), (2560, "rsa_size")],
)
def test_an_rsa_key_of_another_size_is_refused(size: int, slug: str) -> None:
    assert slugs_of(samples.csr(key=rsa.generate_private_key(65537, size))) == [slug]


def test_a_huge_rsa_key_is_refused_at_once() -> None:
    spki = samples.rsa_spki((1 << 16383) | 1, (1 << 16000) | 1)
    started = time.process_time()
    slugs = slugs_of(raw_csr(extensions=[san_of("a.com")], spki=spki, signature_oid=samples.RSA_SHA256))
    assert slugs[0] in {"rsa_size", "unsupported_key"}
    assert time.process_time() - started < 5


@pytest.mark.parametrize("e", [3, 17, 65539])
def test_another_exponent_is_refused(e: int) -> None:
    n = samples.key_of("rsa-2048").public_key().public_numbers().n  # type: ignore[union-attr]
    der = raw_csr(extensions=[san_of("a.com")], spki=samples.rsa_spki(n, e), signature_oid=samples.RSA_SHA256)
    assert slugs_of(der) == ["rsa_exponent"]


def close_primes() -> int:
    import gmpy2

    p = gmpy2.next_prime(3 << 1022)
    return int(p * gmpy2.next_prime(p + (1 << 100)))


def small_factor() -> int:
    import gmpy2

    return int(gmpy2.next_prime(1 << 2035)) * 4099


@pytest.mark.parametrize("modulus", [close_primes, small_factor])
def test_a_weak_rsa_key_is_refused(modulus: Callable[[], int]) -> None:
    n = modulus()
    assert n.bit_length() == 2048
    der = raw_csr(extensions=[san_of("a.com")], spki=samples.rsa_spki(n), signature_oid=samples.RSA_SHA256)
    assert slugs_of(der) == ["weak_key"]


def test_the_weak_key_checks_never_end_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "blocklist" not in public_keys._CHECKS
    assert {"fermat", "roca", "sharedprimes", "smallfactors"} <= set(public_keys._CHECKS)
    monkeypatch.setattr(public_keys, "_CHECKS", ["blocklist"])
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("XDG_CACHE_HOME", "/nonexistent")
    with pytest.raises(RuntimeError):
        csr.read(samples.csr(key=samples.key_of("rsa-2048")))


@pytest.mark.parametrize("curve", [ec.SECP521R1(), ec.SECP224R1(), ec.SECP256K1(), ec.BrainpoolP256R1()])
def test_another_curve_is_refused(curve: ec.EllipticCurve) -> None:
    assert slugs_of(samples.csr(key=ec.generate_private_key(curve))) == ["ec_curve"]


def test_other_kinds_of_keys_are_refused() -> None:
    assert slugs_of(samples.csr(key=ed25519.Ed25519PrivateKey.generate())) == ["unsupported_key"]
    assert slugs_of(samples.csr(key=dsa.generate_private_key(2048))) == ["unsupported_key"]
    for algorithm in (oid("1.2.840.113549.1.1.10"), oid("1.2.3.4")):
        spki = sequence(sequence(algorithm), tlv(0x03, b"\x00\x30\x00"))
        assert slugs_of(raw_csr(extensions=[san_of("a.com")], spki=spki)) == ["unsupported_key"]


def test_a_point_off_the_curve_is_refused() -> None:
    algorithm = sequence(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7"))
    spki = sequence(algorithm, tlv(0x03, b"\x00\x04" + b"\x01" * 64))
    assert slugs_of(raw_csr(extensions=[san_of("a.com")], spki=spki)) == ["unsupported_key"]


def test_a_key_known_to_be_burnt_is_refused() -> None:
    spki = keys.spki_sha256(samples.key_of().public_key())
    assert slugs_of(DER, forbidden_spki={spki}) == ["forbidden_key"]
    assert names_in(DER) == ["example.com"]
