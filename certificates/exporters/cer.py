"""The certificate alone, as Windows names it: for completing a request that IIS made."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from certificates.exporters.base import Bundle, Download, Text, no_options


class CerExporter:
    """`.cer` in PEM, which IIS and the Windows certificate wizards read like DER."""

    slug: str = "cer"
    label: Text = _("Certificate (.cer)")
    describe: Text = _("For Complete Certificate Request in IIS, on the server where the CSR was made.")
    needs_key: bool = False
    carries_key: bool = False
    options: frozenset[str] = frozenset()

    def export(self, bundle: Bundle, **options: str) -> Download:
        no_options(options)
        return Download(f"{bundle.slug}.cer", "application/pkix-cert", bundle.chain.leaf_pem.encode("ascii"))
