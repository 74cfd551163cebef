"""Single PEM files: full chain, certificate, intermediates, private key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from certificates.exporters.base import Bundle, Download, Text, no_options

_CHAIN_TYPE = "application/pem-certificate-chain"  # RFC 8555 §9.1


@dataclass(frozen=True)
class PemExporter:
    """One PEM file under its own ending."""

    slug: str
    label: Text
    describe: Text
    ending: str
    content_type: str
    text: Callable[[Bundle], str]
    needs_key: bool = False
    options: frozenset[str] = frozenset()

    @property
    def carries_key(self) -> bool:
        return self.needs_key

    def export(self, bundle: Bundle, **options: str) -> Download:
        no_options(options)
        content = self.text(bundle).encode("ascii")
        return Download(f"{bundle.slug}{self.ending}", self.content_type, content, holds_key=self.needs_key)


FULLCHAIN = PemExporter(
    "fullchain",
    _("Full chain"),
    _("Your certificate followed by the intermediate certificates, as most servers want it."),
    "-fullchain.pem",
    _CHAIN_TYPE,
    lambda bundle: bundle.chain.fullchain_pem,
)
LEAF = PemExporter(
    "leaf",
    _("Certificate only"),
    _("Your certificate alone. Most servers also need the intermediate certificates."),
    "-certificate.pem",
    _CHAIN_TYPE,
    lambda bundle: bundle.chain.leaf_pem,
)
CHAIN = PemExporter(
    "chain",
    _("Intermediate certificates"),
    _("The certificates between yours and the one that browsers know, also called CA bundle."),
    "-chain.pem",
    _CHAIN_TYPE,
    lambda bundle: bundle.chain.chain_pem,
)
KEY = PemExporter(
    "key",
    _("Private key"),
    _("The key that belongs to your certificate. Keep it secret: whoever has it can pose as your site."),
    ".key",
    "application/x-pem-file",
    Bundle.key_pem,
    needs_key=True,
)
