"""Test installation: is the certificate that the customer's site serves the one we issued?"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.db import transaction

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from certificates.models import Certificate, Inspection
from certificates.plan_rows import last_inspections
from certificates.verdicts import Verdict, verdict_of
from identifiers.names import Name
from validation.fetcher import Fetcher
from validation.reports import ServedChain
from validation.untrusted import clean

MOST_NAMES = 10
MOST_NAMES_SHOWN = 100


class NotCovered(ValueError):
    """This name is not one that the certificate is for."""


@dataclass(frozen=True)
class Finding:
    """One inspection with its verdict."""

    row: Inspection
    verdict: Verdict

    @property
    def not_after(self) -> datetime | None:
        """When the served certificate ends."""
        until = self.row.seen.get("not_after")
        return datetime.fromisoformat(until) if until else None

    @property
    def tone(self) -> str:
        if self.row.ok:
            return "ok"
        return "wait" if self.verdict.counts else "quiet"


@dataclass(frozen=True)
class Report:
    """Everything that was found in one go. `ok`: every address that could be tested serves the certificate."""

    at: datetime
    findings: list[Finding]

    @property
    def ok(self) -> bool:
        return all_good([finding.row for finding in self.findings])

    @property
    def unseen(self) -> bool:
        """True if nothing could be tested at all."""
        return not any(finding.row.ok or finding.verdict.counts for finding in self.findings)


def latest_report(certificate: Certificate) -> Report | None:
    """Return what the last test found, in the order of the names; None before the first."""
    rows = last_inspections(certificate)
    if not rows:
        return None
    return Report(rows[0].at, [Finding(row, verdict_of(row.slug)) for row in rows])


def all_good(rows: Sequence[Inspection]) -> bool:
    counted = [row for row in rows if row.ok or verdict_of(row.slug).counts]
    return bool(counted) and all(row.ok for row in counted)


def names_to_test(certificate: Certificate, host: str = "") -> list[str]:
    """Return the names one can connect to: `host` if given, else each name, a wildcard under `www`, which it covers.

    Raises NotCovered for a host that the certificate is not for.
    """
    if host:
        asked = Name.of(host)
        if asked.wildcard or not any(Name.of(name).covers(asked) for name in certificate.names):
            raise NotCovered(host)
        return [asked.text]
    return list(dict.fromkeys(_dialled(name) for name in certificate.names))[:MOST_NAMES]


def _dialled(name: str) -> str:
    return f"www.{name[2:]}" if name.startswith("*.") else name


def inspect(
    certificate: Certificate, *, by: User, now: datetime, address: str | None = None, host: str = ""
) -> list[Inspection]:
    """Connect to every address of every name at the same time and compare. Each finding is stored.

    All good marks the certificate installed; another certificate in its place takes that mark away. Raises NotCovered.
    """
    names = names_to_test(certificate, host)
    fetcher, port = Fetcher.configured(), settings.INSTALLATION_TLS_PORT
    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        served = list(pool.map(lambda name: fetcher.served_chain(name, port), names))
    assumed = set() if host else {_dialled(name) for name in certificate.names} - set(certificate.names)
    found = [
        _judge(certificate, name, chain, now, assumed=name in assumed)
        for name, chains in zip(names, served, strict=True)
        for chain in chains
    ]
    with transaction.atomic():
        Inspection.objects.bulk_create(found)
        _mark(certificate, found, now)
        record(
            Action.CERTIFICATE_INSPECTED,
            certificate,
            now=now,
            by=by,
            address=address,
            plan_id=certificate.plan_id,
            verdicts={f"{row.name} {row.address}".strip(): row.slug for row in found},
        )
    return found


def _mark(certificate: Certificate, found: Sequence[Inspection], now: datetime) -> None:
    """Note that the site serves the certificate, or no longer does; a site that cannot be reached says neither."""
    if all_good(found):
        certificate.installed_at = now
    elif any(row.seen and not row.ok for row in found):
        certificate.installed_at = None
    else:
        return
    certificate.save(update_fields=["installed_at"])


def _judge(
    certificate: Certificate, name: str, served: ServedChain, now: datetime, *, assumed: bool
) -> Inspection:
    """`assumed`: nobody named this name, we made it from a wildcard."""
    row = Inspection(
        certificate=certificate,
        name=name,
        port=served.port,
        address=served.address or "",
        at=now,
        slug=served.problem,
    )
    if served.problem:
        row.ok = False
        if assumed and served.problem == "http_no_address":
            row.slug = "wildcard_unused"
        return row
    row.slug, row.seen = compare(certificate, name, list(served.chain_der))
    row.ok = row.slug == "installed"
    return row


def compare(certificate: Certificate, name: str, chain_der: Sequence[bytes]) -> tuple[str, dict[str, Any]]:
    """Return the verdict's slug and what was served. The chain comes as sent, leaf first, and is not trusted."""
    if not chain_der:
        return "no_certificate", {}
    try:
        leaf = x509.load_der_x509_certificate(chain_der[0])
        seen, self_signed = _seen(leaf) | {"sent": len(chain_der)}, leaf.issuer == leaf.subject
    except (ValueError, TypeError, x509.InvalidVersion):
        return "no_certificate", {}
    if seen["fingerprint"] == certificate.fingerprint:
        return _chain_slug(certificate, chain_der[1:]), seen
    if certificate.plan.certificates.filter(fingerprint=seen["fingerprint"]).exists():
        return "old_certificate", seen
    if self_signed:
        return "self_signed", seen
    covered = any(Name.of(served).covers(Name.of(name)) for served in seen["names"])
    return ("other_certificate" if covered else "wrong_name"), seen


def _chain_slug(certificate: Certificate, sent: Sequence[bytes]) -> str:
    """Compare what came after the leaf with the intermediates that belong there; a root at the end does no harm."""
    text = certificate.chain_pem.encode("ascii")
    wanted = (
        [row.public_bytes(Encoding.DER) for row in x509.load_pem_x509_certificates(text)]
        if text.strip()
        else []
    )
    if any(intermediate not in sent for intermediate in wanted):
        return "chain_incomplete"
    return "installed" if list(sent[: len(wanted)]) == wanted else "chain_out_of_order"


def _seen(leaf: x509.Certificate) -> dict[str, Any]:
    """What the page shows of a served certificate: plain data, cleaned and cut. Raises ValueError, TypeError, InvalidVersion."""
    return {
        "serial": f"{leaf.serial_number:x}"[:64],
        "fingerprint": leaf.fingerprint(hashes.SHA256()).hex(),
        "issuer": clean(leaf.issuer.rfc4514_string(), 200),
        "names": _names(leaf),
        "not_after": leaf.not_valid_after_utc.isoformat(),
    }


def _names(leaf: x509.Certificate) -> list[str]:
    """The first names of the SAN, in lower case; none if there is no SAN that can be read."""
    try:
        san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(entry.value) for entry in san if isinstance(entry, x509.DNSName | x509.IPAddress)]
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return []
    return [clean(name.lower(), 253) for name in names[:MOST_NAMES_SHOWN]]
