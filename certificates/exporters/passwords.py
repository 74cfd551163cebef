"""Import passwords for PFX files: made by us, shown once, stored nowhere."""

from __future__ import annotations

import secrets

from django.utils.translation import gettext as _

# Without i l o 0 1, which people mix up when they type a password from one window into another.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, GROUP = 6, 5  # 30 characters of 31 kinds: 148 bits
SHORTEST, LONGEST = 12, 64


def new_password() -> str:
    """A random ASCII password of 148 bits in groups of five, such as `k7m2x-…`."""
    return "-".join("".join(secrets.choice(ALPHABET) for _place in range(GROUP)) for _group in range(GROUPS))


class UnacceptablePassword(ValueError):
    """A password about which import dialogs disagree; the message is for whoever chose it."""


def check_password(password: str) -> None:
    """Raise UnacceptablePassword for one that is empty, not ASCII, too short or too long."""
    if not (SHORTEST <= len(password) <= LONGEST):
        message = _("An import password must have between %(least)d and %(most)d characters.")
        raise UnacceptablePassword(message % {"least": SHORTEST, "most": LONGEST})
    if not (password.isascii() and password.isprintable()):
        raise UnacceptablePassword(
            _("Use only plain letters, digits and signs: Windows reads others differently.")
        )
