"""Handing a certificate over: which formats fit, and each download built, audited and named."""

from __future__ import annotations

from datetime import datetime

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from certificates import vault
from certificates.exporters import EXPORTERS
from certificates.exporters.base import Bundle, Download, Exporter
from certificates.exporters.slugs import slug_for
from certificates.models import Certificate, PrivateKey


class NoSuchFormat(Exception):
    """There is no exporter of that name, or it needs a key that we do not hold."""


def key_held(certificate: Certificate) -> bool:
    """Return whether we hold the private key of this certificate."""
    key = certificate.issuance.key
    return key is not None and key.state == PrivateKey.State.HELD


def formats_for(certificate: Certificate) -> list[Exporter]:
    """Return the exporters that can serve this certificate, those with a key only where we hold it."""
    held = key_held(certificate)
    return [exporter for exporter in EXPORTERS.values() if held or not exporter.needs_key]


def holds_key(exporter: Exporter, certificate: Certificate) -> bool:
    """Return whether this download would carry the private key."""
    return key_held(certificate) and exporter.carries_key


def exporter_for(certificate: Certificate, slug: str) -> Exporter:
    """Raises NoSuchFormat."""
    for exporter in formats_for(certificate):
        if exporter.slug == slug:
            return exporter
    raise NoSuchFormat(slug)


def deliver(
    certificate: Certificate, slug: str, *, by: User, now: datetime, address: str | None, **options: str
) -> Download:
    """Build one download for its owner, who has just signed in again if it carries the key.

    Raises NoSuchFormat, KeyDestroyed, CannotUnseal, and what the exporter says of its options.
    """
    exporter = exporter_for(certificate, slug)
    with_key = holds_key(exporter, certificate)
    key = certificate.issuance.key
    bundle = Bundle(
        slug=slug_for(certificate.names),
        names=list(certificate.names),
        leaf_pem=certificate.leaf_pem,
        chain_pem=_split(certificate.chain_pem),
        key_der=vault.open_key(key) if with_key and key is not None else None,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
    )
    download = exporter.export(bundle, **options)
    record(
        Action.KEY_DOWNLOADED if with_key else Action.CERTIFICATE_DOWNLOADED,
        certificate,
        now=now,
        by=by,
        address=address,
        plan_id=certificate.plan_id,
        format=slug,
        file=download.filename,
    )
    return download


def _split(chain_pem: str) -> list[str]:
    end = "-----END CERTIFICATE-----"
    return [part.strip() + "\n" + end + "\n" for part in chain_pem.split(end) if part.strip()]
