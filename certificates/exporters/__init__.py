"""The formats in which a certificate is handed out: a word, a file and a line here for each."""

from __future__ import annotations

from certificates.exporters import pem
from certificates.exporters.apache import ApacheExporter
from certificates.exporters.base import Bundle, Download, Exporter, KeyNotHeld
from certificates.exporters.cer import CerExporter
from certificates.exporters.nginx import NginxExporter
from certificates.exporters.p7b import P7bExporter
from certificates.exporters.passwords import new_password
from certificates.exporters.pfx import PfxExporter
from certificates.exporters.slugs import slug_for

__all__ = ["EXPORTERS", "Bundle", "Download", "Exporter", "KeyNotHeld", "new_password", "slug_for"]

_ALL: list[Exporter] = [
    NginxExporter(),
    ApacheExporter(),
    PfxExporter(),
    P7bExporter(),
    CerExporter(),
    pem.FULLCHAIN,
    pem.LEAF,
    pem.CHAIN,
    pem.KEY,
]
EXPORTERS: dict[str, Exporter] = {exporter.slug: exporter for exporter in _ALL}
