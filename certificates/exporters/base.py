"""What an exporter gets, what it gives, and the verbs it has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Protocol

from cryptography import x509
from django.utils.functional import Promise

from certificates import keys
from certificates.chain import Chain

_NAME = re.compile(r"(?:\*\.)?[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+")

Text = str | Promise


class KeyNotHeld(Exception):
    """This format needs the private key, and we do not hold it: the customer made the CSR, or the key was destroyed."""


@dataclass(frozen=True)
class Bundle:
    """One certificate to be handed out: `slug` from `slug_for`, PEM texts, the intermediates leaf side first.

    `names` are as in the SAN; `key_der` is unencrypted PKCS #8 or None, and left out of repr.
    """

    slug: str
    names: Sequence[str]
    leaf_pem: str
    chain_pem: Sequence[str]
    key_der: bytes | None = field(repr=False)
    not_before: datetime
    not_after: datetime

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", self.slug):
            raise ValueError("the slug must come from slug_for")
        if not self.names or not all(_NAME.fullmatch(name) for name in self.names):
            raise ValueError("a bundle is for plain DNS names")  # they are written into configuration files

    @cached_property
    def chain(self) -> Chain:
        pems = [self.leaf_pem, *self.chain_pem]
        leaf, *intermediates = (x509.load_pem_x509_certificate(pem.encode("ascii")) for pem in pems)
        return Chain(leaf, tuple(intermediates))

    def private_key(self) -> keys.PrivateKey:
        """The key, checked to be the certificate's own. Raises KeyNotHeld and ValueError."""
        if self.key_der is None:
            raise KeyNotHeld
        key = keys.load_own(self.key_der)
        if keys.spki_sha256(key.public_key()) != self.chain.spki_sha256:
            raise ValueError("the key does not belong to the certificate")
        return key

    def key_pem(self) -> str:
        """Raises KeyNotHeld and ValueError."""
        return keys.to_pem(self.private_key()).decode("ascii")


@dataclass(frozen=True)
class Download:
    """A file to be sent: `filename` is made of [a-z0-9-.] only. `holds_key` calls for re-authentication and no-store."""

    filename: str
    content_type: str
    content: bytes = field(repr=False)
    holds_key: bool = False


def no_options(options: Mapping[str, str]) -> None:
    """Raise TypeError if a format that has no options was given one."""
    if options:
        raise TypeError("this format has no options")


class Exporter(Protocol):
    """A format. `needs_key`: impossible without the key; `carries_key`: puts the key in wherever we hold it."""

    @property
    def slug(self) -> str: ...

    @property
    def label(self) -> Text: ...

    @property
    def describe(self) -> Text:
        """One sentence: for whom, and what is in it."""

    @property
    def needs_key(self) -> bool: ...

    @property
    def carries_key(self) -> bool: ...

    @property
    def options(self) -> frozenset[str]:
        """The words that `export` takes besides the bundle: all others are a TypeError."""

    def export(self, bundle: Bundle, **options: str) -> Download:
        """Raises KeyNotHeld where `needs_key` and the bundle has none, and TypeError for unknown options."""
