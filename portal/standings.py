"""The ten headline words a customer reads, each with its icon and tone; what is true is decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Face:
    """`tone` is one of ok, wait, bad, info, quiet; `icon` a symbol of templates/components/icons.svg."""

    word: str | Promise
    icon: str
    tone: str


FACES = {
    "payment-needed": Face(_("Payment needed"), "card", "wait"),
    "setup-needed": Face(_("Setup needed"), "pencil", "wait"),
    "waiting-for-you": Face(_("Waiting for you"), "bell", "wait"),
    "checking": Face(_("Checking"), "search", "info"),
    "issuing": Face(_("Issuing"), "seal", "info"),
    "issued-not-installed": Face(_("Issued, not installed"), "download", "info"),
    "secured": Face(_("Secured"), "shield-check", "ok"),
    "reissue-due": Face(_("Reissue due"), "refresh", "wait"),
    "expired": Face(_("Expired"), "clock-over", "bad"),
    "cancelled": Face(_("Cancelled"), "x-circle", "quiet"),
}


def face(word: object) -> Face:
    """Return the face of `waiting_for_you`, `Waiting for you` or `waiting-for-you`. Raises KeyError."""
    return FACES[slugify(str(getattr(word, "value", word)).replace("_", "-"))]
