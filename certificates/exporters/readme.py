"""The README.txt of an archive: what is in it and the steps, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from certificates.exporters.base import Bundle


def text(bundle: Bundle, server: str, steps: Sequence[str]) -> str:
    """The whole file: title, names, numbered steps."""
    title = _("Certificate for %(name)s on %(server)s") % {"name": bundle.names[0], "server": server}
    lines = [
        title,
        "=" * len(title),
        "",
        _("Names: %(names)s") % {"names": ", ".join(bundle.names)},
        _("Valid until: %(date)s UTC") % {"date": f"{bundle.not_after:%Y-%m-%d %H:%M}"},
        "",
        *(f"{number}. {step}" for number, step in enumerate(steps, 1)),
        "",
    ]
    return "\n".join(lines)


def key_step(bundle: Bundle, path: str) -> str:
    """What to do about the private key, which is in the archive or on the customer's own server."""
    if bundle.key_der is None:
        return _(
            "The private key was made on your server together with the CSR and is not in this archive: copy it to %(path)s, or change that path."
        ) % {"path": path}
    return _("Keep the .key file secret. Make it readable by root alone: chmod 600 %(path)s") % {"path": path}
