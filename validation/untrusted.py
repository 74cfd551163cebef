"""Text that a stranger's server sent, made safe to keep and to show."""

from __future__ import annotations

LONGEST = 500
_CUT = "…"


def clean(sent: str | bytes, longest: int = LONGEST) -> str:
    """Replace what cannot be seen (controls, invisible and bidirectional marks, odd blanks), and cut.

    Nothing is removed: a cleaned value must not become the expected one.
    """
    text = sent.decode("utf-8", "replace") if isinstance(sent, bytes) else sent
    shown = text[: longest + 1]
    if not shown.isprintable():
        shown = "".join(character if character.isprintable() else "\ufffd" for character in shown)
    return shown if len(shown) <= longest else shown[: longest - 1] + _CUT
