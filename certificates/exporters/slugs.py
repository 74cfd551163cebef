"""File names of our own: nothing that a customer or a CA wrote goes into one unfiltered."""

from __future__ import annotations

import re
from collections.abc import Sequence

LONGEST = 80
_WINDOWS_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])")


def slug_for(names: Sequence[str]) -> str:
    """A file name stem of [a-z0-9-], at most 80 characters, from the first name; `*.example.com` is wildcard-example-com."""
    first = names[0] if names else ""
    wildcard = first.startswith("*.")
    text = re.sub(r"[^a-z0-9-]+", "-", first.removeprefix("*.").lower())
    slug = f"wildcard-{text}" if wildcard else text
    slug = slug[:LONGEST].strip("-")
    if not slug or _WINDOWS_DEVICES.fullmatch(slug):
        return f"certificate-{slug}".rstrip("-")
    return slug
