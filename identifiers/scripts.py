"""Which writing systems a label mixes, and whether it could be taken for another name (UTS #39)."""

from __future__ import annotations

import unicodedata

# The first word of a character's Unicode name is its script, save for these.
_SCRIPT_OF_FIRST_WORD = {
    "CJK": "HAN",
    "IDEOGRAPHIC": "HAN",
    "KATAKANA-HIRAGANA": "KATAKANA",
    "ARABIC-INDIC": "ARABIC",
    "EXTENDED": "ARABIC",  # EXTENDED ARABIC-INDIC DIGIT
}
_COMMON = frozenset({"DIGIT", "HYPHEN-MINUS", "MIDDLE", "COMBINING", "MODIFIER", "ZERO"})

# "Highly restrictive" of UTS #39 §5.2: Japanese, Chinese and Korean are written with several scripts.
_WRITTEN_TOGETHER = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)

_CYRILLIC_LIKE_LATIN = frozenset("асԁеһіјӏорԛѕԝхуьҽпгѵѡвкмнт")
_GREEK_LIKE_LATIN = frozenset("αγεηικνορτυχω")
_KANA_LIKE_PUNCTUATION = frozenset("ノンソゾー丿丶〳")
_LATIN_IN_DISGUISE = frozenset("ıȷꞌƽƨƿɡɑɩʟʀ")


def of(label: str) -> frozenset[str]:
    """The scripts used in a U-label, Common and Inherited left out; names as in the Unicode names list."""
    found = set()
    for character in label:
        first_word = unicodedata.name(character, "UNKNOWN").split(" ")[0]
        if first_word not in _COMMON:
            found.add(_SCRIPT_OF_FIRST_WORD.get(first_word, first_word))
    return frozenset(found)


def mixed(label: str) -> bool:
    """True if no single written language would put these scripts into one word."""
    found = of(label)
    return len(found) > 1 and not any(found <= together for together in _WRITTEN_TOGETHER)


def deceptive(label: str) -> bool:
    """True if the label, although well-formed, is better shown as its A-label: people would read another name."""
    if label.isascii():
        return False
    if mixed(label):
        return True
    letters = {character for character in label if character.isalpha()}
    if not letters:
        return True
    found = of(label)
    if found == {"CYRILLIC"}:
        return letters <= _CYRILLIC_LIKE_LATIN
    if found == {"GREEK"}:
        return letters <= _GREEK_LIKE_LATIN
    if "LATIN" in found and letters & _KANA_LIKE_PUNCTUATION:
        return True
    return bool(letters & _LATIN_IN_DISGUISE) or any("\u0250" <= letter <= "\u02af" for letter in letters)
