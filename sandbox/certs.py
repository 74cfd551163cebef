"""Certificates of the pretend world itself: a small CA for its servers, and self-signed defaults."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER_NAMES = ("localhost", "127.0.0.1")
LIFETIME = timedelta(days=365)
# Remade when less than this is left, so that a town running for weeks does not lose its CA's TLS.
RENEW_BEFORE = timedelta(days=60)


def ensure_server_certificate(directory: Path, now: datetime) -> None:
    """Keep ca.pem, cert.pem and key.pem in `directory`: a TLS certificate for localhost and the CA that signed it.

    What is there is kept while it lasts, so that programs which loaded ca.pem stay right across restarts.
    """
    paths = [directory / name for name in ("ca.pem", "cert.pem", "key.pem")]
    if all(path.exists() for path in paths):
        kept = [x509.load_pem_x509_certificate(path.read_bytes()) for path in paths[:2]]
        if all(certificate.not_valid_after_utc - now > RENEW_BEFORE for certificate in kept):
            return
    directory.mkdir(parents=True, exist_ok=True)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = sign_authority(authority_key, now)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = sign_server(SERVER_NAMES, key, authority.subject, authority_key, now)
    write_private(directory / "key.pem", pem_key(key))
    (directory / "cert.pem").write_bytes(pem_certificate(certificate))
    (directory / "ca.pem").write_bytes(pem_certificate(authority))


def self_signed(names: Sequence[str], now: datetime) -> bytes:
    """PEM of a fresh key and a certificate for `names` that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = common_name(names[0])
    return pem_key(key) + pem_certificate(sign_server(names, key, subject, key, now))


def sign_authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """A CA certificate for the sandbox's own servers; it signs nothing that is sold."""
    name = common_name("Sandbox servers CA")
    return (
        builder(name, name, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def sign_server(
    names: Sequence[str],
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """A TLS server certificate whose SAN holds `names` (DNS names or IP addresses)."""
    return (
        builder(common_name(names[0]), issuer, key, now)
        .add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    """What the certificates here have in common: serial, dates, key."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
    )


def key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """KeyUsage of a CA or of a server."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def general_name(name: str) -> x509.GeneralName:
    """`name` as the SAN entry it is: an IP address or a DNS name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def common_name(text: str) -> x509.Name:
    """A distinguished name of one CN; RFC 5280 allows it 64 characters."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS#8 PEM, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def pem_certificate(certificate: x509.Certificate) -> bytes:
    """PEM of one certificate."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
