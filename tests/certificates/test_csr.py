"""What a pasted CSR says, and every way in which one can be wrong, harmful or not a CSR at all."""

from __future__ import annotations

import base64
import functools
import random
import re
import subprocess
import time
import traceback
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certificates import csr, keys, public_keys
from certificates.csr import UnacceptableCSR
from identifiers.names import parse
from tests.certificates import samples
from tests.certificates.samples import common_name, extension, oid, pem, raw_csr, san_of, sequence, tlv


def slugs_of(pasted: str | bytes, **options: object) -> list[str]:
    with pytest.raises(UnacceptableCSR) as refused:
        csr.read(pasted, **options)  # type: ignore[arg-type]
    for problem in refused.value.problems:
        assert problem.severity == "error"
        assert len(problem.message) > 20
        assert problem.message.isprintable()
        assert problem.field in {"csr", "key", "signature", "names", "extensions", "subject"}
    return refused.value.slugs


def names_in(pasted: str | bytes) -> list[str]:
    return [name.text for name in csr.read(pasted).names]


# --- what is accepted -----------------------------------------------------------------------------------------


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


DER = samples.csr(["example.com"])
PLAIN = pem(DER)


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


# --- what is not a CSR ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", ["", b"", "  \n\t ", "\ufeff", b"\xef\xbb\xbf \n"])
def test_nothing_is_refused(nothing: str | bytes) -> None:
    assert slugs_of(nothing) == ["empty"]


def test_too_much_is_refused_before_it_is_looked_at() -> None:
    assert slugs_of("A" * 65537) == ["too_big"]
    assert slugs_of(PLAIN + " " * 100_000) == ["too_big"]
    assert slugs_of(b"\x30" * 65537) == ["too_big"]
    assert slugs_of(PLAIN, max_bytes=100) == ["too_big"]
    assert slugs_of("ü" * 70_000) == ["too_big"]


def test_a_certificate_is_told_apart() -> None:
    certificate = samples.hierarchy()[0].certificate
    der = certificate.public_bytes(serialization.Encoding.DER)
    for pasted in (
        pem(der, "CERTIFICATE"),
        pem(der, "X509 CERTIFICATE"),
        der,
        base64.b64encode(der).decode(),
        pem(der),
    ):
        assert slugs_of(pasted) == ["certificate_pasted"]


@pytest.mark.parametrize("label", ["PUBLIC KEY", "PKCS7", "X509 CRL", "PGP MESSAGE", "SSH2 PUBLIC KEY"])
def test_other_things_are_called_by_their_name(label: str) -> None:
    assert slugs_of(pem(b"\x30\x00", label)) == ["not_a_csr"]


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "example.com",
        "Please send me a certificate for my shop",
        "ssh-rsa AAAAB3NzaC1yc2E me@host",
        "<html></html>",
        "0" * 64,
        "{}",
    ],
)
def test_words_are_no_csr(text: str) -> None:
    assert slugs_of(text)[0] in {"not_a_csr", "unparsable"}


@pytest.mark.parametrize(
    "pasted",
    [
        PLAIN.replace("-----END CERTIFICATE REQUEST-----", ""),
        PLAIN.replace("-----BEGIN CERTIFICATE REQUEST-----", ""),
        PLAIN[: len(PLAIN) // 2],
        PLAIN.replace("M", "!", 1),
        pem(DER[:-20]),
        pem(DER + b"\x00"),
        pem(b""),
        pem(b"\x30\x80"),
        pem(b"\x30\x84\xff\xff\xff\xff"),
        pem(b"\x00" * 50),
        b"\x30\x82\x01",
        "-----BEGIN CERTIFICATE REQUEST----------END CERTIFICATE REQUEST-----",
        "-----BEGIN CERTIFICATE REQUEST-----\nçé\n-----END CERTIFICATE REQUEST-----",
    ],
)
def test_a_damaged_csr_is_said_to_be_damaged(pasted: str | bytes) -> None:
    assert slugs_of(pasted) == ["unparsable"]


def test_two_csrs_are_one_too_many() -> None:
    assert slugs_of(PLAIN + pem(samples.csr(["b.com"]))) == ["several_csrs"]
    assert slugs_of(PLAIN + pem(samples.csr(["b.com"]), "NEW CERTIFICATE REQUEST")) == ["several_csrs"]


# --- a private key pasted by mistake --------------------------------------------------------------------------


@functools.lru_cache(maxsize=1)
def pasted_keys() -> dict[str, str | bytes]:
    ec_key, rsa_key = samples.key_of(), samples.key_of("rsa-2048")
    none, secret = serialization.NoEncryption(), serialization.BestAvailableEncryption(b"secret")
    pkcs8, traditional = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
    as_pem, as_der = serialization.Encoding.PEM, serialization.Encoding.DER
    root = samples.hierarchy()[0]
    found: dict[str, str | bytes] = {
        "pkcs8": ec_key.private_bytes(as_pem, pkcs8, none).decode(),
        "pkcs1": rsa_key.private_bytes(as_pem, traditional, none).decode(),
        "sec1": ec_key.private_bytes(as_pem, traditional, none).decode(),
        "encrypted pkcs8": ec_key.private_bytes(as_pem, pkcs8, secret).decode(),
        "encrypted pkcs1": rsa_key.private_bytes(as_pem, traditional, secret).decode(),
        "openssh": ec_key.private_bytes(as_pem, serialization.PrivateFormat.OpenSSH, none).decode(),
        "der pkcs8": rsa_key.private_bytes(as_der, pkcs8, none),
        "der pkcs1": rsa_key.private_bytes(as_der, traditional, none),
        "der sec1": ec_key.private_bytes(as_der, traditional, none),
        "der encrypted": ec_key.private_bytes(as_der, pkcs8, secret),
        "pfx": pkcs12.serialize_key_and_certificates(b"x", root.key, root.certificate, None, secret),
        "jwk": '{"kty":"EC","crv":"P-256","x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}',
        "putty": "PuTTY-User-Key-File-3: ecdsa-sha2-nistp256\nEncryption: none\nPrivate-Lines: 1\nAAAA\n",
        "xml": "<RSAKeyValue><Modulus>AAAA</Modulus><D>BBBB</D></RSAKeyValue>",
    }
    plain = str(found["pkcs8"])
    found["bare base64"] = "".join(plain.splitlines()[1:-1])
    found["labelled as csr"] = plain.replace("PRIVATE KEY", "CERTIFICATE REQUEST")
    found["before the csr"] = plain + PLAIN
    found["after the csr"] = PLAIN + str(found["pkcs1"])
    found["inside the csr"] = PLAIN.replace("-----END", plain + "-----END")
    found["bare lines after the csr"] = PLAIN + "\n".join(str(found["pkcs1"]).splitlines()[1:-1])
    found["cut off"] = str(found["pkcs1"])[:200]
    found["in lower case"] = plain.lower()
    found["in utf-16"] = plain.encode("utf-16")
    found["with a certificate"] = samples.pem_of(root) + plain
    found["quoted in a mail"] = "> " + plain.replace("\n", "\n> ")
    found["bent dashes"] = plain.replace("-----", "—")
    return found


@pytest.mark.parametrize("kind", sorted(pasted_keys()))
def test_a_private_key_is_noticed_and_goes_nowhere(kind: str) -> None:
    pasted = pasted_keys()[kind]
    with pytest.raises(UnacceptableCSR) as refused:
        csr.read(pasted)
    assert refused.value.slugs == ["private_key_pasted"]
    assert "did not store" in refused.value.problems[0].message
    told = repr(refused.value) + str(refused.value) + "".join(traceback.format_exception(refused.value))
    text = pasted if isinstance(pasted, str) else base64.b64encode(pasted).decode()
    assert not any(
        piece in told for piece in re.findall(r"[A-Za-z0-9+/_]{24,}", text) if "CERTIFICATE" not in piece
    )
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


# --- keys and signatures --------------------------------------------------------------------------------------


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


# --- names ----------------------------------------------------------------------------------------------------


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


# --- extensions -----------------------------------------------------------------------------------------------


def test_must_staple_is_refused() -> None:
    feature = x509.TLSFeature([x509.TLSFeatureType.status_request])
    assert slugs_of(samples.csr(extensions=[(feature, False)])) == ["must_staple"]


def test_asking_to_be_a_ca_is_refused() -> None:
    assert slugs_of(samples.csr(extensions=[(x509.BasicConstraints(True, None), True)])) == ["asks_for_ca"]
    assert names_in(samples.csr(extensions=[(x509.BasicConstraints(False, None), True)])) == ["example.com"]


def test_an_unknown_extension_is_refused_only_if_critical() -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert slugs_of(samples.csr(extensions=[(unknown, True)])) == ["unknown_critical_extension"]
    assert names_in(samples.csr(extensions=[(unknown, False)])) == ["example.com"]


def test_lists_that_cas_read_differently_are_refused() -> None:
    under_old_number = raw_csr(extensions=[san_of("a.com")], carrier=samples.MICROSOFT_EXTENSION_REQUEST)
    doubled = raw_csr(
        extensions=[san_of("a.com")],
        more_attributes=[samples.attribute(samples.MICROSOFT_EXTENSION_REQUEST, sequence(san_of("b.com")))],
    )
    twice = raw_csr(
        extensions=[san_of("a.com")],
        more_attributes=[samples.attribute(samples.EXTENSION_REQUEST, sequence(san_of("b.com")))],
    )
    for der in (under_old_number, doubled, twice):
        assert slugs_of(der)[0] in {"ambiguous_extensions", "unreadable_extensions"}


def test_an_extension_given_twice_or_broken_is_refused() -> None:
    assert slugs_of(raw_csr(extensions=[san_of("a.com"), san_of("b.com")])) == ["unreadable_extensions"]
    assert slugs_of(raw_csr(extensions=[extension("2.5.29.17", b"\x04\x01x")])) == ["unreadable_extensions"]
    two_values = samples.attribute(
        samples.EXTENSION_REQUEST, sequence(san_of("a.com")), sequence(san_of("b.com"))
    )
    assert slugs_of(raw_csr(more_attributes=[two_values]))[0] in {
        "unreadable_extensions",
        "unparsable",
        "ambiguous_extensions",
    }


# --- against the plan -----------------------------------------------------------------------------------------


def test_a_csr_for_exactly_the_ordered_names_has_no_problem_in_any_order() -> None:
    report = csr.read(samples.csr(["b.com", "a.com", "*.a.com"]))
    assert csr.against(report, [parse("*.a.com"), parse("a.com"), parse("B.com")]) == []


def test_missing_and_extra_names_are_listed() -> None:
    report = csr.read(samples.csr(["a.com", "www.c.com"]))
    problems = csr.against(report, [parse("a.com"), parse("b.com")])
    assert [problem.slug for problem in problems] == ["names_missing", "names_extra"]
    assert "b.com" in problems[0].message
    assert "a.com" not in problems[0].message.replace("b.com", "")
    assert "www.c.com" in problems[1].message


def test_a_wildcard_in_the_csr_does_not_stand_for_ordered_names() -> None:
    report = csr.read(samples.csr(["*.a.com"]))
    assert [problem.slug for problem in csr.against(report, [parse("www.a.com")])] == [
        "names_missing",
        "names_extra",
    ]
    assert [problem.slug for problem in csr.against(report, [parse("*.a.com"), parse("a.com")])] == [
        "names_missing"
    ]


def test_a_csr_with_only_a_common_name_is_explained() -> None:
    report = csr.read(samples.csr([], common="a.com"))
    [problem] = csr.against(report, [parse("a.com"), parse("www.a.com")])
    assert "Subject Alternative Names" in problem.message


# --- mutations ------------------------------------------------------------------------------------------------


SEEDS = [
    DER,
    samples.csr(
        ["*.example.com", "example.com"],
        key=samples.key_of("rsa-2048"),
        subject=[(NameOID.ORGANIZATION_NAME, "Acme")],
    ),
    raw_csr(
        subject=common_name(b"\x00e\x00x", tag=0x1E),
        extensions=[san_of("a.com"), extension("2.5.29.19", b"\x30\x00")],
    ),
]


def survives(pasted: str | bytes) -> None:
    started = time.process_time()
    try:
        report = csr.read(pasted)
    except UnacceptableCSR as refused:
        problems = refused.problems
    else:
        problems = []
        assert report.names
    assert all(problem.message.isprintable() for problem in problems)
    assert time.process_time() - started < 5


@given(
    st.sampled_from(SEEDS),
    st.lists(
        st.tuples(st.floats(0, 0.999), st.sampled_from("fids"), st.integers(0, 255)), min_size=1, max_size=6
    ),
)
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
def test_two_thousand_mutated_csrs_give_a_report_or_a_refusal(
    seed: bytes, changes: list[tuple[float, str, int]]
) -> None:
    mutated = bytearray(seed)
    for place, kind, value in changes:
        at = int(place * len(mutated))
        if kind == "f":
            mutated[at] ^= value or 1
        elif kind == "i":
            mutated.insert(at, value)
        elif kind == "d" and len(mutated) > 2:
            del mutated[at]
        else:
            mutated[at] = value
    survives(bytes(mutated))
    survives(pem(bytes(mutated)))


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_a_report_or_a_refusal(noise: bytes) -> None:
    survives(noise)
    survives(noise.decode("latin-1"))
    survives(raw_csr(extensions=[san_of(noise[:200])]))
    survives(raw_csr(subject=common_name(noise[:200]), extensions=[extension("2.5.29.17", noise)]))


def test_a_csr_costs_little() -> None:
    hundred = samples.csr([f"a{n}.example.com" for n in range(100)], key=samples.key_of("rsa-2048"))
    csr.read(hundred)
    costs = []
    for _ in range(7):
        started = time.process_time()
        csr.read(hundred)
        costs.append(time.process_time() - started)
    assert min(costs) < 0.25


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN " * 10_900,
        "-----BEGIN A-----" * 3_800,
        "-----BEGIN CERTIFICATE REQUEST-----" * 1_800,
        '"kty":' * 10_000,
        "M" * 65_000,
        ("MII" + "A" * 61 + "\n") * 1000,
        "{" + '"d"' * 20_000,
        "\n" * 65_000,
        " -" * 32_000,
    ],
)
def test_texts_made_to_be_slow_are_not(text: str) -> None:
    started = time.process_time()
    slugs_of(text)
    assert time.process_time() - started < 5


def test_shuffled_lines_are_refused() -> None:
    lines = pem(SEEDS[1]).splitlines()
    body = lines[1:-1]
    random.Random(1).shuffle(body)
    assert slugs_of("\n".join([lines[0], *body, lines[-1]]))


# --- IP addresses, where the product carries them (RFC 8738) ------------------------------------------


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
