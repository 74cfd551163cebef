"""The guides, in reading order."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Guide:
    """One page of templates/portal/guides/. `icon` is a symbol of components/icons.svg."""

    slug: str
    title: str | Promise
    summary: str | Promise
    icon: str
    group: str

    @property
    def template(self) -> str:
        return f"portal/guides/{self.slug}.html"


GROUPS = {
    "request": _("Before: the certificate request"),
    "approve": _("Show that the domain is yours"),
    "install": _("Install the certificate"),
    "after": _("Afterwards, and good to know"),
}

GUIDES = (
    Guide(
        "csr-windows",
        _("Make a CSR on Windows"),
        _("With IIS Manager, the certificate console or certreq."),
        "window",
        "request",
    ),
    Guide(
        "csr-linux", _("Make a CSR on Linux"), _("With openssl, for one name or many."), "terminal", "request"
    ),
    Guide(
        "approve",
        _("Approve the certificate"),
        _("HTTP file, DNS TXT record or email: what each asks of you."),
        "check-circle",
        "approve",
    ),
    Guide(
        "install-nginx", _("Install on Nginx"), _("Two files, four lines, one reload."), "server", "install"
    ),
    Guide(
        "install-apache",
        _("Install on Apache"),
        _("For Apache 2.4.8 and newer, and for older ones."),
        "server",
        "install",
    ),
    Guide(
        "install-iis",
        _("Install a .pfx on Windows IIS"),
        _("Import the certificate with its key, then bind it to the site."),
        "window",
        "install",
    ),
    Guide(
        "complete-request-iis",
        _("Complete a certificate request on IIS"),
        _("When the CSR was made on your own IIS server."),
        "window",
        "install",
    ),
    Guide(
        "test-installation",
        _("Test the installation"),
        _("See what your visitors are served, and mend what is wrong."),
        "search",
        "after",
    ),
    Guide(
        "keys",
        _("Who holds the private key"),
        _("Where it is made, where it is kept, and how to destroy it."),
        "key",
        "after",
    ),
)

BY_SLUG = {guide.slug: guide for guide in GUIDES}


def grouped() -> list[tuple[str | Promise, list[Guide]]]:
    """Return (heading, guides) in reading order."""
    return [
        (heading, [guide for guide in GUIDES if guide.group == group]) for group, heading in GROUPS.items()
    ]
