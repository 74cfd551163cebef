"""Text that a stranger's server sent, made safe to keep and to show."""

from __future__ import annotations

import unicodedata

LONGEST = 500
_CUT = "…"


def clean(sent: str | bytes, longest: int = LONGEST) -> str:
    """Replace what cannot be printed (never remove it: a cleaned value must not become the expected one), and cut."""
    text = sent.decode("utf-8", "replace") if isinstance(sent, bytes) else sent
    text = text[: longest + 1]
    shown = "".join(c if c == " " or _printable(c) else "\ufffd" for c in text)
    return shown if len(shown) <= longest else shown[: longest - 1] + _CUT


def _printable(character: str) -> bool:
    # Cc control, Cf invisible and bidirectional marks, Cs surrogates, Co private, Cn unassigned, Zl/Zp line ends.
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
