"""The accent colour: one hex value from the settings, made readable on light and on dark ground."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from django.core.exceptions import ImproperlyConfigured

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
# The surfaces of static/css/portal.css that accent-coloured text stands on, worst case first.
LIGHT_GROUND: Colour = (0xF5, 0xF6, 0xF8)
DARK_SURFACE: Colour = (0x18, 0x1E, 0x26)
DARK_INK: Colour = (0x08, 0x0D, 0x14)

_HEX = re.compile(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})")


def parse_hex(text: str) -> Colour:
    """Read `#rgb` or `#rrggbb`. Raises ImproperlyConfigured: nothing else may reach a style sheet."""
    match = _HEX.fullmatch(text.strip())
    if match is None:
        raise ImproperlyConfigured(f"PORTAL_ACCENT must be a colour such as #0b6bcb, not {text!r}")
    digits = match[1] if len(match[1]) == 6 else "".join(digit * 2 for digit in match[1])
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def as_hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def luminance(colour: Colour) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2)."""

    def linear(channel: int) -> float:
        part = channel / 255
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(channel) for channel in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio, 1 to 21 (WCAG 2.2, success criterion 1.4.3)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """Return `colour` with `share` (0 to 1) of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def until_readable(colour: Colour, ground: Colour, towards: Colour, ratio: float) -> Colour:
    """Move `colour` towards black or white until it reaches `ratio` on `ground`."""
    for percent in range(101):
        moved = mix(colour, towards, percent / 100)
        if contrast(moved, ground) >= ratio:
            return moved
    return towards


@dataclass(frozen=True)
class Palette:
    """One scheme's accent: `fill` for areas, `strong` when pointed at, `ink` on the fill, `text` on pages."""

    fill: Colour
    strong: Colour
    ink: Colour
    soft: Colour
    line: Colour
    text: Colour

    def css(self) -> str:
        return (
            f"--accent:{as_hex(self.fill)};--accent-strong:{as_hex(self.strong)};--accent-ink:{as_hex(self.ink)};"
            f"--accent-soft:{as_hex(self.soft)};--accent-line:{as_hex(self.line)};--accent-text:{as_hex(self.text)}"
        )


def light(accent: Colour) -> Palette:
    fill = until_readable(accent, LIGHT_GROUND, BLACK, 4.5)
    soft = mix(fill, WHITE, 0.9)
    return Palette(
        fill=fill,
        strong=mix(fill, BLACK, 0.2),
        ink=WHITE,
        soft=soft,
        line=mix(fill, WHITE, 0.65),
        text=until_readable(mix(fill, BLACK, 0.12), soft, BLACK, 5.0),
    )


def dark(accent: Colour) -> Palette:
    fill = until_readable(accent, DARK_SURFACE, WHITE, 6.0)
    soft = mix(fill, DARK_SURFACE, 0.86)
    return Palette(
        fill=fill,
        strong=mix(fill, WHITE, 0.25),
        ink=DARK_INK,
        soft=soft,
        line=mix(fill, DARK_SURFACE, 0.6),
        text=until_readable(mix(fill, WHITE, 0.12), soft, WHITE, 5.0),
    )


@lru_cache(maxsize=8)
def stylesheet(setting: str) -> str:
    """Return the style sheet of one accent setting. Raises ImproperlyConfigured."""
    accent = parse_hex(setting)
    return (
        f":root{{{light(accent).css()}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{dark(accent).css()}}}}}\n"
        f"@media print{{:root{{{light(accent).css()}}}}}\n"
    )


@lru_cache(maxsize=8)
def version(setting: str) -> str:
    """Short fingerprint of the style sheet, so that browsers may keep it for ever."""
    return hashlib.sha256(stylesheet(setting).encode()).hexdigest()[:12]
