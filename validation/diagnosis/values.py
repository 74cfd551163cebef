"""A published value that is not the wanted one: which slip made it so?"""

from __future__ import annotations

_QUOTES = "\"'“”„‘’«»`\\"
_ENOUGH = 10  # so many characters of a value are no coincidence


def slip(seen: str, wanted: str, key_authorization: str = "") -> str:
    """The slug for a value that was meant to be the wanted one, "" for any other. `seen` is cleaned."""
    bare = seen.strip()
    if seen == wanted:
        return ""
    if bare.strip(_QUOTES).strip() == wanted:
        return "dns_quotes" if bare != wanted else "dns_trailing_data"
    if wanted in seen:
        return "dns_trailing_data"
    if bare.lower() == wanted.lower():
        return "dns_case"
    if len(bare) >= _ENOUGH and wanted.startswith(bare):
        return "dns_cut_off"
    if len(bare) >= _ENOUGH and wanted.endswith(bare):
        return "dns_cut_off_before"
    if _letters(bare) == _letters(wanted):
        return "dns_altered"
    if key_authorization and bare == key_authorization:
        return "dns_http_value"
    if key_authorization and bare == key_authorization.partition(".")[0]:
        return "dns_token"
    return ""


def _letters(text: str) -> str:
    """Letters and digits alone: word processors turn hyphens into dashes, and Markdown eats underscores."""
    return "".join(character for character in text if character.isascii() and character.isalnum()).lower()
