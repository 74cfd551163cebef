"""The name under which a CA tells when to replace a certificate (RFC 9773 §4.1)."""

from __future__ import annotations

import base64

from cryptography import x509


class NoCertId(ValueError):
    """The certificate does not say which key signed it, so it has no name for RFC 9773."""


def cert_id(leaf_pem: str) -> str:
    """Return base64url(keyIdentifier) "." base64url(serial number as DER content bytes), unpadded. Raises NoCertId."""
    try:
        leaf = x509.load_pem_x509_certificate(leaf_pem.encode())
        extension = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise NoCertId("the certificate has no authority key identifier") from error
    key_id = extension.value.key_identifier
    if not key_id:
        raise NoCertId("its authority key identifier names no key")
    return written(key_id, leaf.serial_number)


def written(key_id: bytes, serial: int) -> str:
    """Join both parts. A serial number whose first bit is set has a zero byte before it, as in DER."""
    return f"{_base64url(key_id)}.{_base64url(serial.to_bytes(serial.bit_length() // 8 + 1, 'big'))}"


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
