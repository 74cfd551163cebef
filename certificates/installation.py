"""Test installation: is the certificate that the customer's site serves the one we issued?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.conf import settings
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from certificates.models import Certificate, Inspection
from validation.fetcher import Fetcher
from validation.reports import ServedChain

MOST_NAMES = 10


@dataclass(frozen=True)
class Verdict:
    """What one slug means, in a sentence, and what to do."""

    title: str | Promise
    advice: str | Promise


VERDICTS: dict[str, Verdict] = {
    "installed": Verdict(_("This is your new certificate."), ""),
    "chain_incomplete": Verdict(
        _("The certificate is right, but the intermediate is missing."),
        _("Some visitors will see a warning. Install the whole chain: the fullchain file for Nginx and Apache, the PFX for IIS."),
    ),
    "chain_out_of_order": Verdict(
        _("The certificate is right, but the chain is in the wrong order."),
        _("Use the fullchain file as it is: your certificate first, then the intermediate."),
    ),
    "old_certificate": Verdict(
        _("The site still serves an older certificate."),
        _("Put the new files in place and reload the web server. Behind a load balancer, do so on every machine."),
    ),
    "other_certificate": Verdict(
        _("The site serves a certificate that is not from this plan."),
        _("Check that the web server's entry for this name uses the new files, and that no proxy or CDN answers first."),
    ),
    "wrong_name": Verdict(
        _("The site serves a certificate for another name."),
        _("The web server has no entry for this name, or picks the wrong one. Check the server name (SNI) of the entry."),
    ),
    "no_certificate": Verdict(
        _("The site did not present a certificate."), _("Check that TLS is switched on for this name.")
    ),
    "http_no_address": Verdict(
        _("The name has no address."), _("Add an A or AAAA record, or wait until it is visible everywhere.")
    ),
    "http_private_address": Verdict(
        _("The name points to a private address."), _("We can only test sites that the internet can reach.")
    ),
    "http_refused": Verdict(
        _("Nothing answers on the TLS port."), _("Start the web server with TLS, and open the port in the firewall.")
    ),
    "http_timeout": Verdict(
        _("The server did not answer in time."), _("A firewall may be dropping connections, or the address is wrong.")
    ),
    "http_tls_error": Verdict(
        _("The server answers, but not with TLS."), _("Check that the port speaks TLS, for example `listen 443 ssl`.")
    ),
}
UNREACHABLE = Verdict(_("The site could not be reached."), _("Check its address and its firewall, then test again."))


def verdict_of(inspection: Inspection) -> Verdict:
    return VERDICTS.get(inspection.slug, UNREACHABLE)


def testable_names(certificate: Certificate) -> list[str]:
    """Return the names one can connect to; a wildcard is tested under `www`, which it covers."""
    names = [f"www.{name[2:]}" if name.startswith("*.") else name for name in certificate.names]
    return list(dict.fromkeys(names))[:MOST_NAMES]


def inspect(certificate: Certificate, *, by: User, now: datetime, address: str | None = None) -> list[Inspection]:
    """Connect to every address of every name and compare. Each finding is stored; all good marks it installed."""
    port = settings.INSTALLATION_TLS_PORT
    fetcher = Fetcher.configured()
    found: list[Inspection] = []
    for name in testable_names(certificate):
        for served in fetcher.served_chain(name, port):
            found.append(_judge(certificate, name, served, now))
    ok = bool(found) and all(row.ok for row in found)
    with transaction.atomic():
        Inspection.objects.bulk_create(found)
        if ok:
            Certificate.objects.filter(pk=certificate.pk).update(installed_at=now)
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


def _judge(certificate: Certificate, name: str, served: ServedChain, now: datetime) -> Inspection:
    row = Inspection(
        certificate=certificate, name=name, port=served.port, address=served.address or "", at=now, slug=served.problem
    )
    if served.problem:
        return row
    row.slug, row.seen = compare(certificate, name, list(served.chain_der))
    row.ok = row.slug == "installed"
    return row


def compare(certificate: Certificate, name: str, chain_der: list[bytes]) -> tuple[str, dict[str, Any]]:
    """Return the verdict's slug and what was served. The chain comes as sent, leaf first, and is not trusted."""
    if not chain_der:
        return "no_certificate", {}
    try:
        served = [x509.load_der_x509_certificate(der) for der in chain_der]
    except ValueError:
        return "no_certificate", {}
    leaf = served[0]
    seen = {
        "serial": f"{leaf.serial_number:x}",
        "fingerprint": leaf.fingerprint(hashes.SHA256()).hex(),
        "issuer": leaf.issuer.rfc4514_string()[:200],
        "names": _names(leaf)[:10],
        "not_after": leaf.not_valid_after_utc.isoformat(),
        "sent": len(served),
    }
    if seen["fingerprint"] == certificate.fingerprint:
        return _chain_slug(certificate, served), seen
    if certificate.plan.certificates.filter(fingerprint=seen["fingerprint"]).exists():
        return "old_certificate", seen
    return ("other_certificate" if _covers(_names(leaf), name) else "wrong_name"), seen


def _chain_slug(certificate: Certificate, served: list[x509.Certificate]) -> str:
    wanted = x509.load_pem_x509_certificates(certificate.chain_pem.encode()) if certificate.chain_pem.strip() else []
    sent = served[1:]
    if any(intermediate not in sent for intermediate in wanted):
        return "chain_incomplete"
    if sent[: len(wanted)] != wanted:
        return "chain_out_of_order"
    return "installed"


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [name.lower() for name in san.get_values_for_type(x509.DNSName)]


def _covers(names: list[str], name: str) -> bool:
    parent = "*." + name.partition(".")[2]
    return name in names or parent in names
