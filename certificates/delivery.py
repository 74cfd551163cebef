"""Handing a certificate over: which formats fit, and each download built, audited and named."""

from __future__ import annotations

from datetime import datetime

from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from certificates import vault
from certificates.exporters import EXPORTERS, Bundle, Download, Exporter, slug_for
from certificates.models import Certificate, PrivateKey

_END = "-----END CERTIFICATE-----"


class NoSuchFormat(Exception):
    """There is no exporter of that name, or it needs a key that we do not hold."""


def key_held(certificate: Certificate) -> bool:
    """Return whether we hold the private key of this certificate."""
    key = certificate.issuance.key
    return key is not None and key.state == PrivateKey.State.HELD


def formats_for(certificate: Certificate) -> list[Exporter]:
    """Return the exporters that can serve this certificate, those that need a key only where we hold it."""
    held = key_held(certificate)
    return [exporter for exporter in EXPORTERS.values() if held or not exporter.needs_key]


def carries_key(exporter: Exporter, certificate: Certificate) -> bool:
    """Return whether this download would carry the private key."""
    return exporter.carries_key and key_held(certificate)


def exporter_for(certificate: Certificate, slug: str) -> Exporter:
    """Raises NoSuchFormat."""
    exporter = EXPORTERS.get(slug)
    if exporter is None or (exporter.needs_key and not key_held(certificate)):
        raise NoSuchFormat(slug)
    return exporter


@sensitive_variables()
def deliver(
    certificate: Certificate, slug: str, *, by: User, now: datetime, address: str | None, **options: str
) -> Download:
    """Build one download for its owner, who has just signed in again if it carries the key.

    Raises NoSuchFormat, KeyDestroyed, CannotUnseal, UnacceptablePassword, and TypeError for options the format lacks.
    """
    exporter = exporter_for(certificate, slug)
    with_key = carries_key(exporter, certificate)
    download = exporter.export(_bundle(certificate, with_key=with_key), **options)
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


def _bundle(certificate: Certificate, *, with_key: bool) -> Bundle:
    """What the exporters work on; the key is opened only for those that put it in. Raises KeyDestroyed, CannotUnseal."""
    key = certificate.issuance.key
    return Bundle(
        slug=slug_for(certificate.names),
        names=list(certificate.names),
        leaf_pem=certificate.leaf_pem,
        chain_pem=_split(certificate.chain_pem),
        key_der=vault.open_key(key) if with_key and key is not None else None,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
    )


def _split(chain_pem: str) -> list[str]:
    return [f"{part.strip()}\n{_END}\n" for part in chain_pem.split(_END) if part.strip()]
