"""Builders of CSRs good and hostile, and of little CAs, for tests."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certificates import keys
from certificates.exporters import Bundle, slug_for

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EC_SHA256 = "1.2.840.10045.4.3.2"
RSA_SHA256 = "1.2.840.113549.1.1.11"
RSA_SHA1 = "1.2.840.113549.1.1.5"
RSA_MD5 = "1.2.840.113549.1.1.4"
EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
MICROSOFT_EXTENSION_REQUEST = "1.3.6.1.4.1.311.2.1.14"


# --- DER by hand, for what no library agrees to build ---------------------------------------------------------


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    size = (len(content).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(content).to_bytes(size, "big") + content


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(number) for number in dotted.split("."))
    encoded = b""
    for number in (40 * first + second, *rest):
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(0x80 | (number & 0x7F))
        encoded += bytes(reversed(septets))
    return tlv(0x06, encoded)


def pem(der: bytes, label: str = "CERTIFICATE REQUEST", newline: str = "\n") -> str:
    body = textwrap.wrap(base64.b64encode(der).decode(), 64)
    return newline.join([f"-----BEGIN {label}-----", *body, f"-----END {label}-----", ""])


@lru_cache(maxsize=8)
def key_of(key_type: str = "ec-p256") -> keys.PrivateKey:
    """One key per type and process: making RSA keys is slow."""
    return keys.generate(key_type)


def extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    return sequence(oid(dotted), *([tlv(0x01, b"\xff")] if critical else []), tlv(0x04, value))


def san_of(*names: bytes | str, tag: int = 0x82) -> bytes:
    """A subjectAltName extension whose entries are taken literally."""
    return extension(
        "2.5.29.17", sequence(*(tlv(tag, n if isinstance(n, bytes) else n.encode()) for n in names))
    )


def common_name(text: bytes | str, tag: int = 0x0C) -> bytes:
    value = text if isinstance(text, bytes) else text.encode()
    return sequence(tlv(0x31, sequence(oid("2.5.4.3"), tlv(tag, value))))


def raw_csr(
    *,
    subject: bytes | None = None,
    extensions: Sequence[bytes] | None = None,
    carrier: str = EXTENSION_REQUEST,
    more_attributes: Sequence[bytes] = (),
    spki: bytes | None = None,
    signature_oid: str = EC_SHA256,
    key: Any = None,
) -> bytes:
    """A PKCS #10 request assembled byte by byte and properly signed unless the key cannot."""
    signer = key or key_of()
    public = spki or signer.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    attributes = list(more_attributes)
    if extensions is not None:
        attributes.append(attribute(carrier, sequence(*extensions)))
    information = sequence(
        tlv(0x02, b"\x00"),
        subject if subject is not None else sequence(),
        public,
        tlv(0xA0, *sorted(attributes)),
    )
    hash_of = {RSA_SHA1: hashes.SHA1(), RSA_MD5: hashes.MD5()}.get(signature_oid, hashes.SHA256())
    if isinstance(signer, ec.EllipticCurvePrivateKey):
        signature = signer.sign(information, ec.ECDSA(hashes.SHA256()))
    elif isinstance(signer, rsa.RSAPrivateKey):
        signature = signer.sign(information, padding.PKCS1v15(), hash_of)
    else:
        signature = signer.sign(information)
    return sequence(information, sequence(oid(signature_oid)), tlv(0x03, b"\x00" + signature))


def attribute(dotted: str, *values: bytes) -> bytes:
    return sequence(oid(dotted), tlv(0x31, *values))


def rsa_spki(n: int, e: int = 65537) -> bytes:
    """A SubjectPublicKeyInfo with any numbers at all."""

    def integer(number: int) -> bytes:
        return tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))

    algorithm = sequence(oid("1.2.840.113549.1.1.1"), tlv(0x05))
    return sequence(algorithm, tlv(0x03, b"\x00" + sequence(integer(n), integer(e))))


def csr(
    names: Iterable[str] = ("example.com",),
    *,
    common: str | None = "",
    key: Any = None,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
    attributes: Iterable[tuple[str, bytes]] = (),
    subject: Iterable[tuple[x509.ObjectIdentifier, str]] = (),
    algorithm: Any = None,
) -> bytes:
    """A CSR by the library, in DER. `common` "" takes the first name, None leaves the common name out."""
    listed = list(names)
    parts = [x509.NameAttribute(kind, value) for kind, value in subject]
    first = (listed[0] if listed else "") if common == "" else common
    if first:
        parts.append(x509.NameAttribute(NameOID.COMMON_NAME, first))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts))
    if listed:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(n) for n in listed]), critical=False
        )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    for dotted, content in attributes:
        builder = builder.add_attribute(x509.ObjectIdentifier(dotted), content)
    signer = key or key_of()
    unhashed = not isinstance(signer, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) and not hasattr(
        signer, "parameters"
    )
    request = builder.sign(signer, None if unhashed else (algorithm or hashes.SHA256()))
    return request.public_bytes(serialization.Encoding.DER)


# --- little CAs -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Authority:
    """A CA certificate with its key."""

    certificate: x509.Certificate
    key: keys.PrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def authority(name: str, issuer: Authority | None = None, *, key: keys.PrivateKey | None = None) -> Authority:
    """A root, or an intermediate under `issuer`."""
    own = key or keys.generate("ec-p256")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(issuer.certificate.subject if issuer else _named(name))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=365))
        .not_valid_after(NOW + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign((issuer.key if issuer else own), hashes.SHA256())
    )
    return Authority(certificate, own)


def leaf(
    issuer: Authority,
    names: Sequence[str] = ("example.com",),
    *,
    key: Any = None,
    common: str | None = None,
    not_before: datetime = NOW - timedelta(hours=1),
    not_after: datetime = NOW + timedelta(days=90),
    usages: Sequence[x509.ObjectIdentifier] | None = (ExtendedKeyUsageOID.SERVER_AUTH,),
    ca: bool = False,
    ocsp: str = "",
    general_names: Sequence[x509.GeneralName] | None = None,
) -> x509.Certificate:
    """A server certificate with every property that a check looks at under the test's control."""
    first = names[0] if common is None and names and len(names[0]) <= 64 else common
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, first)] if first else []
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(issuer.certificate.subject)
        .public_key((key or key_of()).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    listed = general_names if general_names is not None else [x509.DNSName(name) for name in names]
    if listed:
        builder = builder.add_extension(x509.SubjectAlternativeName(listed), critical=False)
    if usages is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if ocsp:
        access = x509.AccessDescription(
            x509.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    return builder.sign(issuer.key, hashes.SHA256())


def pem_of(*certificates: x509.Certificate | Authority) -> str:
    """The certificates one after the other, as a CA sends them."""
    bare = [item.certificate if isinstance(item, Authority) else item for item in certificates]
    return "".join(certificate.public_bytes(serialization.Encoding.PEM).decode() for certificate in bare)


@lru_cache(maxsize=1)
def hierarchy() -> tuple[Authority, Authority]:
    """A root and the intermediate that issues, made once per process."""
    root = authority("Small Root")
    return root, authority("Small Intermediate", root)


# --- what exporters get ---------------------------------------------------------------------------------------


def bundle(
    names: Sequence[str] = ("example.com", "www.example.com"),
    *,
    key: keys.PrivateKey | None,
    leaf_key: keys.PrivateKey | None = None,
    ocsp: str = "",
    now: datetime = NOW,
) -> Bundle:
    """A bundle of a real certificate; `leaf_key` where the certificate's key is not the one handed over."""
    _root, intermediate = hierarchy()
    certificate = leaf(
        intermediate,
        names,
        key=leaf_key or key,
        ocsp=ocsp,
        not_before=now - timedelta(hours=1),
        not_after=now + timedelta(days=90),
    )
    return Bundle(
        slug=slug_for(names),
        names=list(names),
        leaf_pem=pem_of(certificate),
        chain_pem=[intermediate.pem],
        key_der=keys.to_der(key) if key else None,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
