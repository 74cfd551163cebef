"""What a CSR says, and whether a CA would take it (RFC 2986, RFC 8555 §7.4, BR 7.1.2.7)."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from certificates import pasted, public_keys
from certificates.csr_names import listed, names_of
from certificates.csr_problems import Problem, UnacceptableCSR
from identifiers import rules
from identifiers.names import Name

__all__ = ["CsrReport", "Problem", "UnacceptableCSR", "against", "read"]

MAX_BYTES = 64 * 1024
MOST_NAMES = 100

_MICROSOFT_EXTENSION_REQUEST = x509.ObjectIdentifier("1.3.6.1.4.1.311.2.1.14")
_EXTENSION_REQUESTS = (x509.ObjectIdentifier("1.2.840.113549.1.9.14"), _MICROSOFT_EXTENSION_REQUEST)
_SIGNATURES = {
    "1.2.840.113549.1.1.11": "SHA-256",
    "1.2.840.113549.1.1.12": "SHA-384",
    "1.2.840.113549.1.1.13": "SHA-512",
    "1.2.840.10045.4.3.2": "SHA-256",
    "1.2.840.10045.4.3.3": "SHA-384",
    "1.2.840.10045.4.3.4": "SHA-512",
}
_BROKEN_SIGNATURES = {
    "1.2.840.113549.1.1.2": "MD2",
    "1.2.840.113549.1.1.4": "MD5",
    "1.2.840.113549.1.1.5": "SHA-1",
    "1.3.14.3.2.29": "SHA-1",
    "1.2.840.10045.4.1": "SHA-1",
    "1.2.840.10040.4.3": "SHA-1",
}
_SUBJECT_FIELDS = {
    NameOID.COMMON_NAME: "common_name",
    NameOID.ORGANIZATION_NAME: "organization",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "organizational_unit",
    NameOID.LOCALITY_NAME: "locality",
    NameOID.STATE_OR_PROVINCE_NAME: "state",
    NameOID.COUNTRY_NAME: "country",
    NameOID.EMAIL_ADDRESS: "email",
}


@dataclass(frozen=True)
class CsrReport:
    """A CSR that a CA can take.

    `names` has the common name first; `subject` maps field names (organization, country ...) to printable text;
    `key_type` is one of keys.KEY_TYPES; `signature_hash` is written SHA-256; `notes` are sentences for the customer.
    """

    names: list[Name]
    subject: dict[str, str]
    key_type: str
    key_bits: int
    spki_sha256: str
    signature_hash: str
    has_san: bool
    notes: list[str]
    der: bytes = field(repr=False)


@sensitive_variables("text")
def read(
    text: str | bytes,
    *,
    max_bytes: int = MAX_BYTES,
    most_names: int = MOST_NAMES,
    forbidden_spki: Container[str] = frozenset(),
    allow_reserved: bool = False,
    allow_ip: bool = False,
) -> CsrReport:
    """What the pasted PEM, bare base64 or DER says. `forbidden_spki` holds hex SHA-256 of keys that may not be certified.

    `allow_reserved` lets RFC 6761 test names pass, for a sandbox; `allow_ip` lets IP addresses (RFC 8738).
    Raises UnacceptableCSR with all that is wrong.
    """
    der = pasted.request_der(text, max_bytes=max_bytes)
    request, subject_name = _load(der)
    key_facts, problems = _key(request, forbidden_spki)
    problems += _signature_problems(request, key_is_good=key_facts is not None)
    extensions = _extensions(request)
    if extensions is None:
        problems.append(_unreadable_extensions())
        raise UnacceptableCSR(problems)
    problems += _extension_problems(request, extensions)
    san = _alternative_names(extensions)
    names, name_problems = names_of(
        subject_name, san, most=most_names, allow_reserved=allow_reserved, allow_ip=allow_ip
    )
    problems += name_problems
    if problems or key_facts is None:
        raise UnacceptableCSR(problems)
    subject = _readable_subject(subject_name)
    return CsrReport(
        names=names,
        subject=subject,
        key_type=key_facts.key_type,
        key_bits=key_facts.bits,
        spki_sha256=key_facts.spki_sha256,
        signature_hash=_SIGNATURES[request.signature_algorithm_oid.dotted_string],
        has_san=san is not None,
        notes=_notes(subject),
        der=der,
    )


def against(report: CsrReport, wanted: Sequence[Name]) -> list[Problem]:
    """What keeps this CSR from being used for exactly the wanted names; empty if they agree in any order."""
    missing = [name for name in wanted if name not in set(report.names)]
    extra = [name for name in report.names if name not in set(wanted)]
    problems = []
    if missing:
        message = _("These names were ordered but are not in the CSR: %(names)s.") % {
            "names": listed(missing)
        }
        if not report.has_san:
            message += " " + _(
                "The CSR holds only a common name and no list of names (Subject Alternative Names). "
                "Make it again with all names in that list, or let us make key and CSR for you."
            )
        else:
            message += " " + _("Make the CSR again with all ordered names in it.")
        problems.append(Problem("names_missing", "names", message))
    if extra:
        message = _(
            "These names are in the CSR but were not ordered: %(names)s. Make the CSR again without them, or order them too."
        )
        problems.append(Problem("names_extra", "names", message % {"names": listed(extra)}))
    return problems


def _load(der: bytes) -> tuple[x509.CertificateSigningRequest, x509.Name]:
    request: x509.CertificateSigningRequest | None
    try:
        request = x509.load_der_x509_csr(der)
        subject = request.subject
    except (ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm):
        request = None
    if request is None:
        if _is_certificate(der):
            pasted.refuse_certificate()
        pasted.refuse_unparsable()
    return request, subject


def _is_certificate(der: bytes) -> bool:
    try:
        x509.load_der_x509_certificate(der)
    except (ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm):
        return False
    return True


def _key(
    request: x509.CertificateSigningRequest, forbidden: Container[str]
) -> tuple[public_keys.KeyFacts | None, list[Problem]]:
    if request.public_key_algorithm_oid not in public_keys.ALGORITHMS:  # type: ignore[attr-defined]  # absent in the stubs only
        return None, [public_keys.unsupported_kind()]
    try:
        key = request.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None, [public_keys.unsupported_kind()]
    return public_keys.judge(key, forbidden)


def _signature_problems(request: x509.CertificateSigningRequest, *, key_is_good: bool) -> list[Problem]:
    oid = request.signature_algorithm_oid.dotted_string
    if oid in _BROKEN_SIGNATURES:
        message = _(
            "The CSR is signed with %(hash)s, which can be forged; CAs no longer accept it. Make the CSR again with SHA-256."
        )
        return [Problem("weak_signature", "signature", message % {"hash": _BROKEN_SIGNATURES[oid]})]
    if not key_is_good:
        return []
    if oid not in _SIGNATURES:
        message = _(
            "The CSR is signed in a way that CAs do not accept. Make it again with SHA-256 and the usual settings."
        )
        return [Problem("unsupported_signature", "signature", message)]
    if not _signature_holds(request):
        message = _(
            "The signature of this CSR is wrong: it was changed after it was made, or was not made with the key it names. "
            "Make the CSR again and paste it unchanged."
        )
        return [Problem("bad_signature", "signature", message)]
    return []


def _signature_holds(request: x509.CertificateSigningRequest) -> bool:
    try:
        return request.is_signature_valid
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _extensions(request: x509.CertificateSigningRequest) -> x509.Extensions | None:
    """The requested extensions, or None where they cannot be read."""
    try:
        return request.extensions
    except (
        ValueError,
        TypeError,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
        UnsupportedAlgorithm,
    ):
        return None


def _unreadable_extensions() -> Problem:
    message = _(
        "The part of the CSR that lists the names and extensions cannot be read: it is damaged, or names contain characters "
        "that are not ASCII. Write international names in their xn-- form and make the CSR again."
    )
    return Problem("unreadable_extensions", "extensions", message)


def _extension_problems(
    request: x509.CertificateSigningRequest, extensions: x509.Extensions
) -> list[Problem]:
    problems = _carrier_problems(request)
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.UnrecognizedExtension) and extension.critical:
            message = _(
                "The CSR demands an extension that CAs do not know (%(oid)s). Make it again without special extensions."
            )
            problems.append(
                Problem(
                    "unknown_critical_extension", "extensions", message % {"oid": extension.oid.dotted_string}
                )
            )
        if isinstance(value, x509.TLSFeature):
            message = _(
                "The CSR asks for “OCSP must-staple”. CAs have switched OCSP off, so browsers would reject such a certificate: "
                "make the CSR again without it."
            )
            problems.append(Problem("must_staple", "extensions", message))
        if isinstance(value, x509.BasicConstraints) and value.ca:
            message = _(
                "The CSR asks for a CA certificate. This shop sells certificates for servers: make the CSR again without CA:TRUE."
            )
            problems.append(Problem("asks_for_ca", "extensions", message))
    return problems


def _carrier_problems(request: x509.CertificateSigningRequest) -> list[Problem]:
    """Two lists of extensions, or one under Microsoft's old number, are read differently by different CAs."""
    try:
        carriers = [attribute.oid for attribute in request.attributes if attribute.oid in _EXTENSION_REQUESTS]
    except ValueError:
        return [_unreadable_extensions()]
    if len(carriers) > 1 or _MICROSOFT_EXTENSION_REQUEST in carriers:
        message = _(
            "The CSR lists its extensions in an outdated or doubled form that CAs overlook. Make it again with a current tool."
        )
        return [Problem("ambiguous_extensions", "extensions", message)]
    return []


def _alternative_names(extensions: x509.Extensions) -> x509.SubjectAlternativeName | None:
    try:
        return extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _readable_subject(subject: x509.Name) -> dict[str, str]:
    found: dict[str, str] = {}
    for attribute in subject:
        name = _SUBJECT_FIELDS.get(attribute.oid)
        if name and isinstance(attribute.value, str) and attribute.value:
            found.setdefault(name, rules.shown(attribute.value))
    return found


def _notes(subject: dict[str, str]) -> list[str]:
    if set(subject) <= {"common_name"}:
        return []
    return [
        _(
            "A domain-validated certificate names only domains: the CA will leave out organization, place and e-mail address."
        )
    ]
