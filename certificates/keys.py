"""Private keys made by us, and the CSR that goes with one."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import NameOID
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from identifiers.names import Name

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

# What every public CA accepts for TLS (BR 6.1.5, narrowed to what Let's Encrypt takes).
KEY_TYPES: dict[str, str | Promise] = {
    "rsa-2048": gettext_lazy("RSA 2048 (works everywhere)"),
    "rsa-3072": gettext_lazy("RSA 3072"),
    "rsa-4096": gettext_lazy("RSA 4096 (slower handshakes)"),
    "ec-p256": gettext_lazy("ECDSA P-256 (small and fast)"),
    "ec-p384": gettext_lazy("ECDSA P-384"),
}
LONGEST_COMMON_NAME = 64  # RFC 5280 appendix A, ub-common-name

_GENERATORS: dict[str, Callable[[], PrivateKey]] = {
    "rsa-2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa-3072": lambda: rsa.generate_private_key(65537, 3072),
    "rsa-4096": lambda: rsa.generate_private_key(65537, 4096),
    "ec-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec-p384": lambda: ec.generate_private_key(ec.SECP384R1()),
}
# field of make_csr -> (OID, longest value by RFC 5280 appendix A)
_SUBJECT = {
    "country": (NameOID.COUNTRY_NAME, 2),
    "state": (NameOID.STATE_OR_PROVINCE_NAME, 128),
    "locality": (NameOID.LOCALITY_NAME, 128),
    "organization": (NameOID.ORGANIZATION_NAME, 64),
    "email": (NameOID.EMAIL_ADDRESS, 255),
}


class UnacceptableSubject(ValueError):
    """A subject field that cannot stand in a CSR. `field` is the argument's name, `message` what a person reads."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field = field
        self.message = message

    def __str__(self) -> str:
        return self.message


def generate(key_type: str) -> PrivateKey:
    """A new key of one of KEY_TYPES. RSA takes 40 to 1500 ms of CPU: never inside a transaction. Raises KeyError."""
    return _GENERATORS[key_type]()


def to_der(key: PrivateKey) -> bytes:
    """PKCS #8, unencrypted: seal it before it is stored."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def to_pem(key: PrivateKey) -> bytes:
    """PKCS #8 PEM (`BEGIN PRIVATE KEY`), unencrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_own(der: bytes) -> PrivateKey:
    """A key that `to_der` wrote. Skips RSA's slow self-check, so never for a stranger's key. Raises ValueError."""
    key = serialization.load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError("not a kind of key that we make")
    return key


def spki_sha256(public_key: PublicKeyTypes) -> str:
    """SHA-256 of the SubjectPublicKeyInfo in lower-case hex: one key's identity wherever it appears."""
    spki = public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(spki).hexdigest()


def make_csr(
    key: PrivateKey,
    names: Sequence[Name],
    *,
    organization: str = "",
    locality: str = "",
    state: str = "",
    country: str = "",
    email: str = "",
) -> bytes:
    """A PKCS #10 request in DER: all names as SAN, the first also as CN where it fits and is no IP address.

    Raises ValueError without names and UnacceptableSubject for a field that does not fit.
    """
    if not names:
        raise ValueError("a CSR needs a name")
    given = {
        "country": country.upper(),
        "state": state,
        "locality": locality,
        "organization": organization,
        "email": email,
    }
    subject = [_attribute(field, value.strip()) for field, value in given.items() if value.strip()]
    if len(names[0].text) <= LONGEST_COMMON_NAME and not names[0].is_ip:
        subject.append(x509.NameAttribute(NameOID.COMMON_NAME, names[0].text))
    unique = list(dict.fromkeys(names))
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(subject))
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in unique]), critical=not subject
        )
        .sign(key, _hash_for(key))
    )
    return request.public_bytes(serialization.Encoding.DER)


def _general_name(name: Name) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(name.ascii)) if name.is_ip else x509.DNSName(name.text)


def _attribute(field: str, value: str) -> x509.NameAttribute:
    oid, longest = _SUBJECT[field]
    if len(value) > longest:
        raise UnacceptableSubject(
            field, _("This is too long: at most %(most)d characters fit into a CSR.") % {"most": longest}
        )
    if not value.isprintable():
        raise UnacceptableSubject(field, _("This contains invisible or control characters."))
    if field == "country" and not re.fullmatch(r"[A-Z]{2}", value):
        raise UnacceptableSubject(field, _("Enter the two-letter code of the country, for example DE."))
    if field == "email" and not re.fullmatch(r"[!-~]+@[!-~]+", value):
        raise UnacceptableSubject(field, _("This is not an email address that fits into a CSR."))
    return x509.NameAttribute(oid, value)


def _hash_for(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384:
    strong = isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size > 256
    return hashes.SHA384() if strong else hashes.SHA256()
