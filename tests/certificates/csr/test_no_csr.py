"""What is not a CSR is called by its name, and a private key pasted by mistake goes nowhere."""

from __future__ import annotations

import base64
import functools
import re
import traceback

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from certificates import csr
from certificates.csr import UnacceptableCSR
from tests.certificates import samples
from tests.certificates.csr.reading import DER, PLAIN, slugs_of
from tests.certificates.samples import pem


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
