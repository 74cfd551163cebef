"""A certificate chain as a CA sent it: put in order, and checked against what was asked for (RFC 8555 §9.1, BR 7.1.2.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from django.utils.translation import gettext as _

from certificates.keys import spki_sha256
from identifiers import rules
from identifiers.names import Name

MAX_CHARACTERS = 256 * 1024
MOST_CERTIFICATES = 10
CLOCK_SKEW = timedelta(hours=1)
_LONGEST_ISSUER = 300
_UNREADABLE = (
    ValueError,
    # A name in a form that the library refuses (a bit string where text belongs).
    TypeError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class UnacceptableChain(ValueError):
    """The CA sent something that must not reach a customer. `slug` for tests and logs, `message` for operators."""

    def __init__(self, slug: str, message: str) -> None:
        super().__init__(slug, message)
        self.slug = slug
        self.message = message

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Chain:
    """A leaf and its intermediates, each one issuing the one before it, without the root. `read_chain` makes it."""

    leaf: x509.Certificate
    intermediates: tuple[x509.Certificate, ...] = ()

    @property
    def leaf_pem(self) -> str:
        return _pem(self.leaf)

    @property
    def chain_pems(self) -> list[str]:
        """The intermediates, the issuer of the leaf first."""
        return [_pem(certificate) for certificate in self.intermediates]

    @property
    def chain_pem(self) -> str:
        return "".join(self.chain_pems)

    @property
    def fullchain_pem(self) -> str:
        return self.leaf_pem + self.chain_pem

    @property
    def serial(self) -> str:
        """Lower-case hex of whole bytes, as in CRLs and CA consoles."""
        digits = f"{self.leaf.serial_number:x}"
        return digits.zfill(len(digits) + len(digits) % 2)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the leaf's DER in lower-case hex."""
        return self.leaf.fingerprint(hashes.SHA256()).hex()

    @property
    def spki_sha256(self) -> str:
        return spki_sha256(self.leaf.public_key())

    @property
    def issuer(self) -> str:
        """The issuer's distinguished name (RFC 4514), printable and at most 300 characters."""
        text = self.leaf.issuer.rfc4514_string()[:_LONGEST_ISSUER]
        return "".join(character if character.isprintable() else "\ufffd" for character in text)

    @property
    def names(self) -> list[str]:
        """The names of the leaf, DNS and IP, in lower case, in its order."""
        return [
            str(entry.value).lower()
            for entry in _alternative_names(self.leaf)
            if isinstance(entry, x509.DNSName | x509.IPAddress)
        ]

    @property
    def not_before(self) -> datetime:
        return self.leaf.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        return self.leaf.not_valid_after_utc

    @property
    def is_ecdsa(self) -> bool:
        return isinstance(self.leaf.public_key(), ec.EllipticCurvePublicKey)

    @property
    def has_ocsp(self) -> bool:
        """True if the leaf names an OCSP responder, without which stapling cannot work."""
        access = _extension(self.leaf, x509.AuthorityInformationAccess)
        return access is not None and any(
            item.access_method == AuthorityInformationAccessOID.OCSP for item in access
        )


def read_chain(pem: str) -> Chain:
    """The chain in `application/pem-certificate-chain`: leaf first, the rest put in order by issuer and signature.

    A root at its end is dropped. Raises UnacceptableChain for what is unreadable, stray or wrongly signed.
    """
    if len(pem) > MAX_CHARACTERS:
        raise UnacceptableChain("too_big", _("The CA sent a chain that is far too long."))
    try:
        certificates = x509.load_pem_x509_certificates(pem.encode("ascii", errors="replace"))
        for certificate in certificates:
            _read_whole(certificate)
    except _UNREADABLE:
        raise UnacceptableChain("unparsable", _("The CA sent a chain that cannot be read.")) from None
    if len(certificates) > MOST_CERTIFICATES:
        raise UnacceptableChain("too_big", _("The CA sent a chain that is far too long."))
    leaf, *others = certificates
    return Chain(leaf, _in_order(leaf, others))


def check(chain: Chain, *, csr_der: bytes, names: Sequence[Name], now: datetime) -> None:
    """Make sure that this is the certificate that was asked for: key, names, time, purpose. Raises UnacceptableChain."""
    _check_key(chain, csr_der)
    _check_names(chain, names)
    for certificate in (chain.leaf, *chain.intermediates):
        _check_time(certificate, now)
    _check_purpose(chain)


def _in_order(leaf: x509.Certificate, others: list[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    ordered: list[x509.Certificate] = []
    current, left = leaf, list(others)
    while left:
        named = [candidate for candidate in left if candidate.subject == current.issuer]
        if not named or current.issuer == current.subject:
            raise UnacceptableChain(
                "stray_certificate", _("The CA sent a certificate that does not belong to the chain.")
            )
        issuer = next((candidate for candidate in named if _issued(current, candidate)), None)
        if issuer is None:
            raise UnacceptableChain(
                "broken_signature", _("A signature in the chain that the CA sent is wrong.")
            )
        if not _is_ca(issuer):
            raise UnacceptableChain(
                "issuer_is_no_ca", _("The chain that the CA sent contains an issuer that is not a CA.")
            )
        left.remove(issuer)
        ordered.append(issuer)
        current = issuer
    if ordered and _issued(ordered[-1], ordered[-1]):
        ordered.pop()
    return tuple(ordered)


def _read_whole(certificate: x509.Certificate) -> None:
    """Parse all that is looked at later: the library does it on access, where an error would come as a surprise."""
    for part in (certificate.subject, certificate.issuer, certificate.public_key(), certificate.extensions):
        repr(part)
    if certificate.not_valid_before_utc >= certificate.not_valid_after_utc:
        raise ValueError("ends before it begins")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _check_key(chain: Chain, csr_der: bytes) -> None:
    wanted = spki_sha256(x509.load_der_x509_csr(csr_der).public_key())
    if chain.spki_sha256 != wanted:
        raise UnacceptableChain(
            "other_key", _("The certificate that the CA sent is for another key than the one in the CSR.")
        )


def _check_names(chain: Chain, names: Sequence[Name]) -> None:
    entries = _alternative_names(chain.leaf)
    if any(not isinstance(entry, x509.DNSName | x509.IPAddress) for entry in entries):
        raise UnacceptableChain(
            "other_names", _("The certificate that the CA sent carries a name that is not a domain name.")
        )
    got, wanted = set(chain.names), {name.text for name in names}
    # An address must stand there as an address: clients do not compare it with a DNS name of the same letters.
    misplaced = [e for e in entries if isinstance(e, x509.DNSName) and Name.of(e.value.lower()).is_ip]
    common = chain.leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if misplaced or got != wanted or any(str(attribute.value).lower() not in got for attribute in common):
        message = _("The certificate that the CA sent is for other names than those ordered: %(names)s.")
        shown = ", ".join(rules.shown(name) for name in sorted(got ^ wanted)[:10]) or "CN"
        raise UnacceptableChain("other_names", message % {"names": shown})


def _check_time(certificate: x509.Certificate, now: datetime) -> None:
    starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if ends <= now:
        raise UnacceptableChain(
            "expired", _("A certificate in the chain that the CA sent has already expired.")
        )
    if starts > now + CLOCK_SKEW:
        raise UnacceptableChain(
            "not_yet_valid",
            _(
                "A certificate in the chain that the CA sent is not valid yet; check the clock of this server."
            ),
        )


def _check_purpose(chain: Chain) -> None:
    if _is_ca(chain.leaf):
        raise UnacceptableChain(
            "leaf_is_a_ca", _("The CA sent a CA certificate in place of a server certificate.")
        )
    usages = _extension(chain.leaf, x509.ExtendedKeyUsage)
    if usages is None or ExtendedKeyUsageOID.SERVER_AUTH not in usages:
        raise UnacceptableChain(
            "not_for_servers",
            _("The certificate that the CA sent is not for servers (serverAuth is missing)."),
        )


def _is_ca(certificate: x509.Certificate) -> bool:
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _alternative_names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    names = _extension(certificate, x509.SubjectAlternativeName)
    return list(names) if names is not None else []


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
