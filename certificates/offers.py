"""The downloads of one certificate as its page lists them: name, words and address of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from certificates.delivery import carries_key, formats_for, key_held
from certificates.exporters import EXPORTERS
from certificates.models import Certificate

SINGLE_FILES = ("fullchain", "leaf", "chain", "key")
SLOT = "slot"


@dataclass(frozen=True)
class Offer:
    """`label` and `text` are ready for HTML; `with_key`: the file carries the private key."""

    slug: str
    label: SafeString
    text: SafeString
    with_key: bool
    url: str


def offers_of(certificate: Certificate) -> tuple[list[Offer], list[Offer]]:
    """Return the formats that servers take, and the single files."""
    # One address for all: they differ in their last word only.
    address = reverse("download", args=[certificate.pk, SLOT])
    offers = [
        Offer(
            exporter.slug,
            *words_of(exporter.slug, get_language()),
            carries_key(exporter, certificate),
            address.replace(f"/{SLOT}/", f"/{exporter.slug}/"),
        )
        for exporter in formats_for(certificate)
    ]
    return (
        [offer for offer in offers if offer.slug not in SINGLE_FILES],
        [offer for offer in offers if offer.slug in SINGLE_FILES],
    )


def missing_from(certificate: Certificate) -> Sequence[SafeString]:
    """Return the names of the formats that need a key which we do not hold."""
    if key_held(certificate):
        return []
    return [words_of(slug, get_language())[0] for slug, row in EXPORTERS.items() if row.needs_key]


@lru_cache(maxsize=256)
def words_of(slug: str, _language: str | None) -> tuple[SafeString, SafeString]:
    """Return name and description of a format in the active language, escaped."""
    exporter = EXPORTERS[slug]
    return escape(str(exporter.label)), escape(str(exporter.describe))
