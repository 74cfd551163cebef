"""A certificate as a customer brings it to the panel: pasted PEM, or the portal's ZIP for Nginx."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

MAX_BUNDLE = 1_000_000
CERTIFICATE_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
KEY_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----.+?-----END \1PRIVATE KEY-----", re.DOTALL)


class BundleRefused(ValueError):
    """A certificate and key that cannot be installed; the text tells a person why."""


@dataclass(frozen=True)
class Bundle:
    """A certificate, whatever chain was brought with it, and its private key."""

    chain: list[x509.Certificate]
    key_pem: str

    @property
    def names(self) -> list[str]:
        """DNS names in the certificate's SAN, as written there."""
        try:
            names = self.chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return []
        return names.get_values_for_type(x509.DNSName)

    @property
    def pem(self) -> str:
        """Key and chain as one PEM file for a TLS server."""
        certificates = (item.public_bytes(serialization.Encoding.PEM).decode() for item in self.chain)
        return self.key_pem.strip() + "\n" + "".join(certificates)


def read_pem(chain: str, key: str) -> Bundle:
    """The bundle in pasted text; either field may hold both parts; raises BundleRefused."""
    both = f"{chain}\n{key}"
    if len(both) > MAX_BUNDLE:
        raise BundleRefused(
            f"That is larger than {MAX_BUNDLE // 1_000_000} MB; a certificate and its key are a few kB."
        )
    certificates = [match.group() for match in CERTIFICATE_PEM.finditer(both)]
    if not certificates:
        raise BundleRefused("There is no certificate in it: a line -----BEGIN CERTIFICATE----- is missing.")
    return match_key([parse_certificate(pem) for pem in certificates], find_key(both))


def read_zip(content: bytes) -> Bundle:
    """The bundle in a ZIP: its key, and the file whose first certificate belongs to that key; raises BundleRefused."""
    texts = unzip(content)
    key_pem = find_key("\n".join(texts))
    candidates = []
    for text in texts:
        certificates = [match.group() for match in CERTIFICATE_PEM.finditer(text)]
        if certificates and certificate_fits(parse_certificate(certificates[0]), key_pem):
            candidates.append([parse_certificate(pem) for pem in certificates])
    if not candidates:
        raise BundleRefused("No certificate in the ZIP belongs to the private key in it.")
    return Bundle(max(candidates, key=len), key_pem)


def unzip(content: bytes) -> list[str]:
    """The text files of a ZIP, none of them large; raises BundleRefused."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if sum(entry.file_size for entry in entries) > MAX_BUNDLE:
                raise BundleRefused("The ZIP unpacks to more than 1 MB; the one meant here holds a few kB.")
            return [archive.read(entry).decode("utf-8", "replace") for entry in entries]
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise BundleRefused("That file is not a ZIP that can be unpacked.") from error


def find_key(text: str) -> str:
    """The one private key in `text`; raises BundleRefused."""
    match = KEY_PEM.search(text)
    if match is None:
        raise BundleRefused("There is no private key in it: a line -----BEGIN PRIVATE KEY----- is missing.")
    if "ENCRYPTED" in match.group():
        raise BundleRefused("The private key is encrypted; paste it without a passphrase.")
    return match.group()


def parse_certificate(pem: str) -> x509.Certificate:
    """One certificate; raises BundleRefused."""
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise BundleRefused("A certificate in it cannot be read.") from error


def certificate_fits(certificate: x509.Certificate, key_pem: str) -> bool:
    """Whether the certificate is for this private key; raises BundleRefused when the key cannot be read."""
    try:
        key = serialization.load_pem_private_key(key_pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BundleRefused("The private key cannot be read.") from error
    return spki(key.public_key()) == spki(certificate.public_key())


def match_key(chain: list[x509.Certificate], key_pem: str) -> Bundle:
    """The bundle, if the first certificate is the key's; raises BundleRefused."""
    if certificate_fits(chain[0], key_pem):
        return Bundle(chain, key_pem)
    if any(certificate_fits(other, key_pem) for other in chain[1:]):
        raise BundleRefused("The order is wrong: your own certificate must come first, the CA's below it.")
    raise BundleRefused("This private key does not belong to this certificate.")


def spki(public_key: object) -> bytes:
    """SubjectPublicKeyInfo in DER, to compare keys."""
    encode = getattr(public_key, "public_bytes")  # noqa: B009 - every public key type has it, their common type says so nowhere
    encoded: bytes = encode(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded
