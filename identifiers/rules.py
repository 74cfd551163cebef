"""What a text must be to become a DNS name in a certificate: the refusals, in the order people need to read them."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import NoReturn

import idna
from django.utils.translation import gettext as _

from identifiers import scripts, suffixes

LONGEST_TEXT = 2000
LONGEST_NAME = 253
LONGEST_LABEL = 63
MOST_LABELS = 10  # what Let's Encrypt accepts

BLANKS = " \t\r\n\u00a0\u3000\ufeff"
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]{0,20}://", re.IGNORECASE)
_PORT = re.compile(r"^([^:]+):[0-9]{1,5}$")
_LDH = re.compile(r"^[a-z0-9-]+$")
_NUMBER = re.compile(r"^(?:[0-9]+|0x[0-9a-f]*)$")
_LONGEST_SHOWN = 80
_LONGEST_KEPT = 300


class UnacceptableName(ValueError):
    """A text that cannot become a name in a certificate.

    `slug` is a stable word for tests and logs, `text` the beginning of what was given, `message` what a person reads,
    `suggestion` what they probably meant, or "".
    """

    def __init__(self, slug: str, text: str, message: str, suggestion: str = "") -> None:
        super().__init__(slug, text[:_LONGEST_KEPT], message, suggestion)
        self.slug = slug
        self.text = text[:_LONGEST_KEPT]
        self.message = message
        self.suggestion = suggestion

    def __str__(self) -> str:
        return self.message


def shown(text: str) -> str:
    """The text for use inside a message: cut short, with what cannot be printed replaced."""
    cut = text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
    return "".join(character if character.isprintable() else "\ufffd" for character in cut)


def ascii_name(text: str, *, allow_reserved: bool) -> tuple[str, bool]:
    """The A-label form without `*.`, and whether it was a wildcard. Raises UnacceptableName."""
    trimmed = text.strip(BLANKS)
    _refuse_what_is_no_name(trimmed)
    wildcard, rest = _split_wildcard(trimmed)
    name = _to_ascii(rest.removesuffix(".").lower(), trimmed)
    _refuse_bad_form(name, trimmed, wildcard=wildcard)
    _refuse_nobodys_name(name, trimmed, allow_reserved=allow_reserved)
    return name, wildcard


def pasted_host(text: str) -> str:
    """The host inside a pasted address (`https://example.com:8443/shop`, `me@example.com`), or "" if it is none."""
    rest = _SCHEME.sub("", text).removeprefix("//")
    host = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    with_port = _PORT.match(host)
    host = with_port[1] if with_port else host
    return host if host != text else ""


def _refuse_what_is_no_name(text: str) -> None:
    if not text:
        raise UnacceptableName("empty", text, _("Enter a domain name, for example example.com."))
    if len(text) > LONGEST_TEXT:
        _too_long(text)
    if any(_invisible(character) for character in text):
        message = _(
            "“%(name)s” contains invisible or control characters. Type the name again by hand instead of pasting it."
        )
        raise UnacceptableName("control_character", text, message % {"name": shown(text)})
    _refuse_address_of_host(text)
    _refuse_pasted_address(text)
    if any(character.isspace() for character in text):
        message = _("“%(name)s” contains a space. A domain name has none.")
        closed = re.sub(r"\s*\.\s*", ".", text)
        suggestion = "" if re.search(r"\s", closed) else closed
        raise UnacceptableName("space", text, message % {"name": shown(text)}, suggestion)


def _invisible(character: str) -> bool:
    # ZWNJ and ZWJ are letters' business in some scripts; IDNA's CONTEXTJ rules judge them later.
    return character not in "\u200c\u200d" and unicodedata.category(character) in {
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Zl",
        "Zp",
    }


def _refuse_address_of_host(text: str) -> None:
    bare = text.removeprefix("*.").strip("[]").partition("%")[0]
    labels = bare.lower().removesuffix(".").split(".")
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        if not all(_NUMBER.match(label) for label in labels):
            return
    message = _(
        "“%(name)s” is an IP address. Certificates are sold for domain names: enter the name that points to this address."
    )
    raise UnacceptableName("ip_address", text, message % {"name": shown(text)})


def _refuse_pasted_address(text: str) -> None:
    host = pasted_host(text)
    if not host:
        return
    if _SCHEME.match(text) is None and "@" in text and "/" not in text:
        slug, message = (
            "email_address",
            _("“%(name)s” is an e-mail address. Enter only the domain name: %(host)s"),
        )
    elif _SCHEME.match(text) is None and _PORT.match(text):
        slug, message = (
            "port",
            _(
                "“%(name)s” contains a port. A certificate is good for every port; enter only the name: %(host)s"
            ),
        )
    else:
        slug, message = "url", _("“%(name)s” is a web address. Enter only the name: %(host)s")
    raise UnacceptableName(slug, text, message % {"name": shown(text), "host": shown(host)}, host)


def _split_wildcard(text: str) -> tuple[bool, str]:
    wildcard = text.startswith("*.")
    rest = text[2:] if wildcard else text
    if "*" in rest or not rest:
        message = _("“%(name)s”: the asterisk must stand alone at the very left, as in *.example.com.")
        raise UnacceptableName("wildcard_position", text, message % {"name": shown(text)})
    return wildcard, rest


def _to_ascii(name: str, text: str) -> str:
    """The A-label form of a lower-case name (IDNA 2008 after UTS #46 mapping)."""
    if name.isascii() and "xn--" not in name:
        return name
    if len(name) > 2 * LONGEST_NAME:  # composing may shorten a name, never that much
        _too_long(text)
    try:
        mapped = idna.uts46_remap(name, std3_rules=False)
    except (idna.IDNAError, UnicodeError):
        _bad_characters(text)
    labels = [_label_to_ascii(label, text) for label in mapped.removesuffix(".").split(".")]
    return ".".join(labels)


def _label_to_ascii(label: str, text: str) -> str:
    if label.isascii() and not label.startswith("xn--"):
        return label
    if len(label) > LONGEST_LABEL:
        _label_too_long(label, text)
    try:
        encoded = idna.alabel(label).decode("ascii")
        readable = idna.ulabel(encoded)
    except (idna.IDNAError, UnicodeError) as fault:
        if "too long" in str(fault).lower():
            _label_too_long(label, text)
        _bad_characters(text)
    if scripts.mixed(readable):
        message = _(
            "“%(name)s” mixes letters of several writing systems (%(scripts)s) that look alike, so that people could take it for "
            "another name. CAs and browsers refuse such names: type it again in one writing system."
        )
        found = ", ".join(sorted(script.capitalize() for script in scripts.of(readable)))
        raise UnacceptableName("mixed_scripts", text, message % {"name": shown(text), "scripts": found})
    return encoded


def _refuse_bad_form(name: str, text: str, *, wildcard: bool) -> None:
    labels = name.split(".")
    if "" in labels:
        message = _("“%(name)s” has a dot too many.")
        raise UnacceptableName("empty_label", text, message % {"name": shown(text)})
    for label in labels:
        _refuse_bad_label(label, text)
    if len(name) + 2 * wildcard > LONGEST_NAME:
        _too_long(text)
    if len(labels) > MOST_LABELS:
        message = _("“%(name)s” has %(count)d parts between dots; CAs accept at most %(most)d.")
        raise UnacceptableName(
            "too_many_labels",
            text,
            message % {"name": shown(text), "count": len(labels), "most": MOST_LABELS},
        )
    if _NUMBER.match(labels[-1]):
        message = _("“%(name)s” ends in a number; no domain does.")
        raise UnacceptableName("numeric_tld", text, message % {"name": shown(text)})


def _refuse_bad_label(label: str, text: str) -> None:
    if "_" in label:
        message = _(
            "“%(name)s” contains an underscore. Certificates may not carry it: use a name with a hyphen instead."
        )
        raise UnacceptableName("underscore", text, message % {"name": shown(text)})
    if not _LDH.match(label) or not label.isascii():
        _bad_characters(text)
    if label.startswith("-") or label.endswith("-"):
        message = _("“%(name)s”: the part “%(label)s” begins or ends with a hyphen.")
        raise UnacceptableName("hyphen", text, message % {"name": shown(text), "label": shown(label)})
    if label[2:4] == "--" and not label.startswith("xn--"):
        message = _(
            "“%(name)s”: the part “%(label)s” has two hyphens in third and fourth place, which is reserved for encoded names."
        )
        raise UnacceptableName("hyphen", text, message % {"name": shown(text), "label": shown(label)})
    if len(label) > LONGEST_LABEL:
        _label_too_long(label, text)


def _refuse_nobodys_name(name: str, text: str, *, allow_reserved: bool) -> None:
    """Refuse names that exist, but that no customer can have shown to be theirs (BR 4.2.2, 3.2.2.6)."""
    last = name.rpartition(".")[2]
    named = {"name": shown(text), "last": last}
    if "." not in name:
        message = _(
            "“%(name)s” is not a full domain name. Enter it with its ending, for example %(last)s.com."
        )
        raise UnacceptableName("single_label", text, message % named)
    if last == "arpa":
        message = _("“%(name)s” ends in .arpa, for which no CA may issue.")
        raise UnacceptableName("arpa", text, message % named)
    if last == "onion":
        message = _("“%(name)s” is a Tor onion name. It needs a kind of proof that is not offered here.")
        raise UnacceptableName("onion", text, message % named)
    if last in suffixes.RESERVED and not allow_reserved:
        message = _(
            "“%(name)s” ends in .%(last)s, which is reserved for tests and does not exist on the Internet."
        )
        raise UnacceptableName("reserved", text, message % named)
    if not suffixes.known(name):
        message = _(
            "“%(name)s” is an internal name: .%(last)s is not a public ending, so no public CA may issue for it."
        )
        raise UnacceptableName("internal_name", text, message % named)
    if suffixes.is_suffix(name):
        message = _(
            "“%(name)s” is a public ending under which anybody can register names, so no CA may issue for it. Enter your own name under it."
        )
        raise UnacceptableName("public_suffix", text, message % named)


def _bad_characters(text: str) -> NoReturn:
    message = _(
        "“%(name)s” contains characters that no domain name can have. Allowed are letters, digits, hyphens and dots."
    )
    raise UnacceptableName("bad_character", text, message % {"name": shown(text)}) from None


def _label_too_long(label: str, text: str) -> NoReturn:
    message = _("“%(name)s”: the part “%(label)s” is longer than %(most)d characters.")
    values = {"name": shown(text), "label": shown(label), "most": LONGEST_LABEL}
    raise UnacceptableName("label_too_long", text, message % values) from None


def _too_long(text: str) -> NoReturn:
    message = _("“%(name)s” is too long: a domain name has at most %(most)d characters.")
    raise UnacceptableName("too_long", text, message % {"name": shown(text), "most": LONGEST_NAME})
