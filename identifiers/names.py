"""A DNS name that a certificate can carry, as one value, and how it is read from what people type."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import idna
from django.utils.translation import gettext as _

from identifiers import addresses, rules, scripts, suffixes
from identifiers.rules import UnacceptableName

__all__ = ["Name", "UnacceptableName", "parse", "parse_many"]

_BETWEEN_NAMES = re.compile(r"[ \t\r\n\u00a0\u3000\ufeff,;、，；]+")


@dataclass(frozen=True, order=True)
class Name:
    """A DNS identifier: lower-case A-labels without `*.`, and whether the wildcard stands before them.

    Or an IP identifier (RFC 8738): `ascii` is then the address as `ipaddress` spells it, never with a wildcard.

    Make one with `parse`; `Name.of` trusts its text and is for names we stored ourselves.
    """

    ascii: str
    wildcard: bool = False

    @classmethod
    def of(cls, stored: str) -> Name:
        """The Name whose `text` was stored. Checks nothing."""
        return cls(stored.removeprefix("*."), stored.startswith("*."))

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """As it stands in a certificate: `*.xn--mnchen-3ya.example`."""
        return f"*.{self.ascii}" if self.wildcard else self.ascii

    @property
    def unicode(self) -> str:
        """As people write it. A label that could be taken for another one stays an A-label."""
        shown = ".".join(_readable(label) for label in self.ascii.split("."))
        return f"*.{shown}" if self.wildcard else shown

    @property
    def is_ip(self) -> bool:
        """True for an IP address. No domain ends in a number, and none has a colon."""
        return ":" in self.ascii or self.ascii.rpartition(".")[2].isdigit()

    @property
    def is_idn(self) -> bool:
        return any(label.startswith("xn--") for label in self.ascii.split("."))

    @property
    def base(self) -> Name:
        """The name without its wildcard: the identifier of the ACME authorization (RFC 8555 §7.1.3)."""
        return Name(self.ascii)

    @property
    def registrable(self) -> str:
        """The domain that was registered: ICANN public suffix plus one label (BR base domain name)."""
        return self.ascii if self.is_ip else suffixes.registrable(self.ascii)

    @property
    def rate_limit_group(self) -> str:
        """The domain CAs count certificates under: whole public suffix list, private section included."""
        return self.ascii if self.is_ip else suffixes.rate_limit_group(self.ascii)

    def covers(self, other: Name) -> bool:
        """True if a TLS client asking for `other` accepts a certificate for this name (RFC 6125 §6.4.3)."""
        if self == other:
            return True
        return self.wildcard and not other.wildcard and other.ascii.partition(".")[2] == self.ascii

    def parents(self) -> tuple[Name, ...]:
        """The plain names above this one, nearest first, up to and with the registrable domain.

        `*.a.example.com` gives a.example.com, example.com; `example.com` gives nothing.
        """
        above = self.authorization_domains()
        return above if self.wildcard else above[1:]

    def authorization_domains(self) -> tuple[Name, ...]:
        """The names whose control proves control of this one: the base name, then each parent (BR 1.6.1 ADN)."""
        if self.is_ip:
            return (self,)
        labels = self.ascii.split(".")
        depth = self.registrable.count(".") + 1
        return tuple(Name(".".join(labels[start:])) for start in range(len(labels) - depth + 1))


def _readable(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        readable = idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        return label
    return label if scripts.deceptive(readable) else readable


def parse(text: str, *, allow_reserved: bool = False, allow_ip: bool = False) -> Name:
    """The Name that a person or a CSR wrote; blanks around it, upper case and one trailing dot are forgiven.

    `allow_reserved` lets RFC 6761 test names pass, for a sandbox; `allow_ip` lets IP addresses (RFC 8738).
    Raises UnacceptableName.
    """
    address = addresses.canonical(text, allow_reserved=allow_reserved) if allow_ip else None
    if address is not None:
        return Name(address)
    try:
        ascii_name, wildcard = rules.ascii_name(text, allow_reserved=allow_reserved)
    except UnacceptableName as refused:
        raise _with_tried_suggestion(refused, allow_reserved=allow_reserved) from None
    return Name(ascii_name, wildcard)


def parse_many(
    text: str | Iterable[str], *, limit: int = 100, allow_reserved: bool = False, allow_ip: bool = False
) -> list[Name]:
    """The names in a text (between blanks, line ends, commas or semicolons) or list, each once, in their order.

    Raises UnacceptableName for the first text that is none, for no name at all, and for more than `limit`.
    """
    parts = [text] if isinstance(text, str) else list(text)
    if sum(len(part) for part in parts) > limit * rules.LONGEST_TEXT:
        raise _too_many(limit)
    written = [word for part in parts for word in _BETWEEN_NAMES.split(part) if word]
    if not written:
        raise UnacceptableName("empty", "", _("Enter a domain name, for example example.com."))
    found: dict[Name, None] = {}
    for word in written:
        found[parse(word, allow_reserved=allow_reserved, allow_ip=allow_ip)] = None
        if len(found) > limit:
            raise _too_many(limit)
    return list(found)


def _too_many(limit: int) -> UnacceptableName:
    return UnacceptableName(
        "too_many",
        "",
        _("These are more than %(limit)d names, the most one certificate can carry.") % {"limit": limit},
    )


def _with_tried_suggestion(refused: UnacceptableName, *, allow_reserved: bool) -> UnacceptableName:
    """The refusal with its suggestion in final form, or without it where the suggestion would be refused as well."""
    if not refused.suggestion:
        return refused
    try:
        meant = rules.ascii_name(refused.suggestion, allow_reserved=allow_reserved)
    except UnacceptableName as worse:
        return UnacceptableName(worse.slug, refused.text, worse.message)
    suggestion = Name(*meant).text
    return UnacceptableName(refused.slug, refused.text, refused.message, suggestion)
