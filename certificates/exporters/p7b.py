"""The certificate with its intermediates in one file for Windows (RFC 5652 SignedData without signers)."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from django.utils.translation import gettext_lazy as _

from certificates.exporters.base import Bundle, Download, Text, no_options


class P7bExporter:
    """PKCS #7 in PEM; it cannot hold a key."""

    slug: str = "p7b"
    label: Text = _("PKCS #7 (.p7b)")
    describe: Text = _(
        "Certificate and intermediates for IIS and other Windows programs, where the CSR was made on that server."
    )
    needs_key: bool = False
    carries_key: bool = False
    options: frozenset[str] = frozenset()

    def export(self, bundle: Bundle, **options: str) -> Download:
        no_options(options)
        certificates = [bundle.chain.leaf, *bundle.chain.intermediates]
        content = pkcs7.serialize_certificates(certificates, Encoding.PEM)
        return Download(f"{bundle.slug}.p7b", "application/x-pkcs7-certificates", content)
