"""What a customer finds in each download, file by file."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from certificates.exporters import slug_for
from certificates.models import Certificate

Text = str | Promise


@dataclass(frozen=True)
class Part:
    """One file. `name` may hold {slug}; `key` marks the private key, which is left out where we do not hold it."""

    name: str
    meaning: Text
    key: bool = False


_KEY = Part(
    "{slug}.key", _("The private key. Keep it secret: whoever has it can pose as your site."), key=True
)
_README = Part("README.txt", _("The steps, in the order in which you take them."))
PARTS: dict[str, list[Part]] = {
    "nginx": [
        Part("{slug}.crt", _("Your certificate with the intermediates below it, in the order Nginx wants.")),
        _KEY,
        Part("nginx.conf", _("A ready piece of configuration for this site.")),
        _README,
    ],
    "apache": [
        Part(
            "{slug}.crt", _("Your certificate with the intermediates below it, for Apache 2.4.8 and later.")
        ),
        Part("{slug}-leaf.crt", _("Your certificate alone, for older Apache.")),
        Part("{slug}-chain.crt", _("The intermediates alone, for older Apache.")),
        _KEY,
        Part("apache.conf", _("A ready piece of configuration for this site.")),
        _README,
    ],
    "pfx": [
        Part(
            "{slug}.pfx",
            _("Certificate, intermediates and private key in one file, locked with the import password."),
            key=True,
        )
    ],
    "p7b": [Part("{slug}.p7b", _("Your certificate and the intermediates. No private key."))],
    "cer": [Part("{slug}.cer", _("Your certificate alone. No private key."))],
    "fullchain": [
        Part("{slug}-fullchain.pem", _("Your certificate with the intermediates below it. No private key."))
    ],
    "leaf": [Part("{slug}-certificate.pem", _("Your certificate alone. No private key."))],
    "chain": [Part("{slug}-chain.pem", _("The intermediates alone. No private key."))],
    "key": [_KEY],
}


def parts_of(certificate: Certificate, slug: str, *, with_key: bool) -> list[Part]:
    """Return the files of one download under the names that they will have."""
    stem = slug_for(certificate.names)
    chained = bool(certificate.chain_pem.strip())
    return [
        Part(part.name.format(slug=stem), part.meaning, part.key)
        for part in PARTS[slug]
        if (with_key or not part.key) and (chained or part.name != "{slug}-chain.crt")
    ]
