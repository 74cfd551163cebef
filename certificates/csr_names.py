"""The DNS names of a CSR, or of a certificate's subject, read more strictly than any parser does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.x509.oid import NameOID
from django.utils.translation import gettext as _

from certificates.csr_problems import Problem
from identifiers import rules
from identifiers.names import Name, UnacceptableName, parse

_MOST_LISTED = 10


def listed(names: Sequence[Name]) -> str:
    """The names for a sentence, cut after ten."""
    text = ", ".join(name.text for name in names[:_MOST_LISTED])
    return text + (", …" if len(names) > _MOST_LISTED else "")


def names_of(
    subject: x509.Name,
    san: x509.SubjectAlternativeName | None,
    *,
    most: int,
    allow_reserved: bool,
    allow_ip: bool = False,
) -> tuple[list[Name], list[Problem]]:
    """The names, the common name first, and all that is wrong with them (at most ten bad names are told)."""
    entries = list(san) if san is not None else []
    if len(entries) > most:
        message = _("The CSR contains %(count)d names; one certificate can carry at most %(most)d.")
        return [], [Problem("too_many_names", "names", message % {"count": len(entries), "most": most})]
    problems = _kinds_besides(entries, (x509.DNSName, x509.IPAddress) if allow_ip else (x509.DNSName,))
    common, common_problems = _common_name(subject, allow_reserved=allow_reserved)
    problems += common_problems
    alternatives, alternative_problems = _alternatives(
        entries, allow_reserved=allow_reserved, allow_ip=allow_ip
    )
    problems += alternative_problems
    names = list(dict.fromkeys([*common, *alternatives]))
    if len(names) > most:
        message = _("The CSR contains %(count)d names; one certificate can carry at most %(most)d.")
        problems.append(Problem("too_many_names", "names", message % {"count": len(names), "most": most}))
    if not names and not problems:
        problems.append(
            Problem(
                "no_names",
                "names",
                _("The CSR contains no domain name. Make it again with your domain as common name."),
            )
        )
    return names, problems


def _kinds_besides(
    entries: Iterable[x509.GeneralName], wanted: tuple[type[x509.GeneralName], ...]
) -> list[Problem]:
    kinds = {
        x509.RFC822Name: (
            "san_email",
            _("The CSR lists an email address as a name. A server certificate can carry domain names only."),
        ),
        x509.UniformResourceIdentifier: (
            "san_uri",
            _("The CSR lists a web address (URI) as a name. List the domain name alone."),
        ),
        x509.IPAddress: (
            "san_ip",
            _(
                "The CSR lists an IP address. Certificates are sold for domain names: make the CSR again without it."
            ),
        ),
    }
    other = (
        "san_other",
        _("The CSR lists a name that is not a domain name. Make it again with DNS names only."),
    )
    found = {kinds.get(type(entry), other) for entry in entries if not isinstance(entry, wanted)}
    return [Problem(slug, "names", message) for slug, message in sorted(found)]


def _common_name(subject: x509.Name, *, allow_reserved: bool) -> tuple[list[Name], list[Problem]]:
    written = [
        attribute.value
        for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if attribute.value
    ]
    if not written:
        return [], []
    if len(written) > 1:
        return [], [
            Problem(
                "several_common_names",
                "subject",
                _("The CSR has more than one common name. Keep one and list the others as names."),
            )
        ]
    value = written[0] if isinstance(written[0], str) else written[0].decode("latin-1")
    try:
        return [_strict(value, allow_reserved=allow_reserved)], []
    except UnacceptableName as refused:
        message = _("The common name must be your domain name, as in example.com.") + " " + refused.message
        return [], [Problem("common_name", "subject", message)]


def _alternatives(
    entries: Iterable[x509.GeneralName], *, allow_reserved: bool, allow_ip: bool
) -> tuple[list[Name], list[Problem]]:
    names: dict[Name, None] = {}
    problems: list[Problem] = []
    doubled: dict[Name, None] = {}
    for entry in entries:
        if not isinstance(entry, x509.DNSName) and not (allow_ip and isinstance(entry, x509.IPAddress)):
            continue
        try:
            name = _read_entry(entry, allow_reserved=allow_reserved)
        except UnacceptableName as refused:
            problems.append(Problem("bad_name", "names", refused.message))
            if len(problems) == _MOST_LISTED:
                break
            continue
        if name in names:
            doubled[name] = None
        names[name] = None
    if doubled:
        message = _("The CSR lists these names twice: %(names)s. Make it again with each name once.")
        problems.append(Problem("duplicate_names", "names", message % {"names": listed(list(doubled))}))
    return list(names), problems


def _read_entry(entry: x509.DNSName | x509.IPAddress, *, allow_reserved: bool) -> Name:
    if isinstance(entry, x509.DNSName):
        return _strict(entry.value, allow_reserved=allow_reserved)
    # A network, as name constraints have it, is spelled with a slash and becomes no name.
    return parse(str(entry.value), allow_reserved=allow_reserved, allow_ip=True)


def _strict(written: str, *, allow_reserved: bool) -> Name:
    """The name, if it stands there letter for letter (case aside) as it would stand in the certificate."""
    name = parse(written, allow_reserved=allow_reserved)
    if name.text != written.lower():
        message = _("“%(name)s” must be written as %(form)s in a CSR.")
        values = {"name": rules.shown(written), "form": name.text}
        raise UnacceptableName("name_form", written, message % values, name.text)
    return name
