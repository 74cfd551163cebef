"""Sealing private keys and other secrets at rest: envelope encryption under key-encryption keys that can be rotated.

A sealed secret is a data key of its own, wrapped by a key-encryption key (KEK), and the secret encrypted by that data
key; both with AES-256-GCM (NIST SP 800-38D) and both bound to a context, so that a ciphertext moved to another row or
owner does not open. Layout, version 1:

    "CS" 01 | length of kid | kid | nonce 12 | wrapped data key 48 | nonce 12 | ciphertext and tag

The inner part does not depend on the KEK: rewrapping never touches it and never sees the secret.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from typing import NamedTuple, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.views.decorators.debug import sensitive_variables

_HEADER = b"CS\x01"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_WRAPPED_BYTES = _KEY_BYTES + _TAG_BYTES
_KID = re.compile(r"[A-Za-z0-9._-]{1,32}")

Context = tuple[str, ...]


class CannotUnseal(Exception):
    """This blob does not open here. Says no more: neither whether key, context or content was wrong."""

    def __init__(self) -> None:
        super().__init__("cannot unseal")


class UnusableKeySetting(ValueError):
    """The setting of the key-encryption keys is not usable. The message never contains a part of a key."""


class _Parts(NamedTuple):
    kid: str
    wrap_nonce: bytes
    wrapped: bytes
    nonce: bytes
    ciphertext: bytes


class KeyRing:
    """Key-encryption keys by id: the newest seals, all unseal."""

    __slots__ = ("_keks", "_newest")

    @sensitive_variables("keks")
    def __init__(self, keks: dict[str, bytes]) -> None:
        """`keks` maps key ids to 32 bytes each, the newest first. Raises UnusableKeySetting."""
        if not keks:
            raise UnusableKeySetting("there must be at least one key-encryption key")
        for kid, kek in keks.items():
            _refuse_bad_kek(kid, kek)
        self._newest = next(iter(keks))
        self._keks = {kid: AESGCM(kek) for kid, kek in keks.items()}

    @classmethod
    @sensitive_variables()
    def from_setting(cls, setting: str) -> KeyRing:
        """From `kid1:base64,kid0:base64`: 32 bytes each, the newest first. Raises UnusableKeySetting."""
        keks: dict[str, bytes] = {}
        for entry in filter(None, (part.strip() for part in setting.split(","))):
            kid, _colon, encoded = entry.partition(":")
            if not _KID.fullmatch(kid) or not encoded:
                raise UnusableKeySetting(
                    "each key-encryption key is written as id:base64, with letters and digits as id"
                )
            if kid in keks:
                raise UnusableKeySetting(f"the key-encryption key {kid} is given twice")
            keks[kid] = _decoded(kid, encoded)
        return cls(keks)

    @property
    def newest(self) -> str:
        """The id of the key that seals."""
        return self._newest

    def __repr__(self) -> str:
        return f"<KeyRing with {len(self._keks)} keys>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KeyRing is never written down")

    __reduce_ex__ = __reduce__  # type: ignore[assignment]  # pickle and copy ask for this one first

    @sensitive_variables()
    def wrap(self, data_key: bytes, context: Context) -> bytes:
        """Header, key id and the data key under the newest key-encryption key."""
        kid = self._newest.encode("ascii")
        wrap_nonce = secrets.token_bytes(_NONCE_BYTES)
        wrapped = self._keks[self._newest].encrypt(wrap_nonce, data_key, _bound(b"key\x00" + kid, context))
        return _HEADER + bytes([len(kid)]) + kid + wrap_nonce + wrapped

    @sensitive_variables()
    def unwrap(self, kid: str, wrap_nonce: bytes, wrapped: bytes, context: Context) -> bytes:
        """The data key. Raises CannotUnseal."""
        kek = self._keks.get(kid)
        if kek is None:
            raise CannotUnseal
        try:
            return kek.decrypt(wrap_nonce, wrapped, _bound(b"key\x00" + kid.encode("ascii"), context))
        except InvalidTag:
            raise CannotUnseal from None


@sensitive_variables()
def seal(plaintext: bytes, *, context: Context, ring: KeyRing) -> bytes:
    """The sealed form; `context` says whose secret it is: row kind, row id, owner id, purpose."""
    data_key = secrets.token_bytes(_KEY_BYTES)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    ciphertext = AESGCM(data_key).encrypt(nonce, plaintext, _bound(b"secret", context))
    return ring.wrap(data_key, context) + nonce + ciphertext


@sensitive_variables()
def unseal(blob: bytes, *, context: Context, ring: KeyRing) -> bytes:
    """What was sealed with this context. Raises CannotUnseal."""
    parts = _parts(blob)
    data_key = ring.unwrap(parts.kid, parts.wrap_nonce, parts.wrapped, context)
    try:
        return AESGCM(data_key).decrypt(parts.nonce, parts.ciphertext, _bound(b"secret", context))
    except InvalidTag:
        raise CannotUnseal from None


@sensitive_variables()
def rewrap(blob: bytes, *, context: Context, ring: KeyRing) -> bytes:
    """The same secret under the ring's newest key; its ciphertext stays as it is. Raises CannotUnseal."""
    parts = _parts(blob)
    data_key = ring.unwrap(parts.kid, parts.wrap_nonce, parts.wrapped, context)
    return ring.wrap(data_key, context) + parts.nonce + parts.ciphertext


def kid_of(blob: bytes) -> str:
    """The id of the key-encryption key that wraps this blob. Raises CannotUnseal if it is no sealed secret."""
    return _parts(blob).kid


def new_setting(kid: str) -> str:
    """A fresh key-encryption key in the form that `KeyRing.from_setting` reads."""
    return f"{kid}:{base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode('ascii')}"


@sensitive_variables()
def _refuse_bad_kek(kid: str, kek: bytes) -> None:
    if not _KID.fullmatch(kid):
        raise UnusableKeySetting(
            "the id of a key-encryption key is 1 to 32 letters, digits, dots, hyphens or underscores"
        )
    if len(kek) != _KEY_BYTES:
        raise UnusableKeySetting(f"the key-encryption key {kid} must have exactly {_KEY_BYTES} bytes")
    if len(set(kek)) < 8:  # 32 random bytes practically never do; zeros and typed-in patterns do
        raise UnusableKeySetting(f"the key-encryption key {kid} is not random")


@sensitive_variables()
def _decoded(kid: str, encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded.translate(str.maketrans("-_", "+/")), validate=True)
    except (binascii.Error, ValueError):
        pass
    raise UnusableKeySetting(f"the key-encryption key {kid} is not valid base64")


def _bound(purpose: bytes, context: Context) -> bytes:
    """Associated data that no other version, purpose or split of the context yields: each part carries its length."""
    if isinstance(context, str) or not context or not all(context):
        raise ValueError("a context is a tuple of non-empty texts")
    parts = [_HEADER, purpose, *(part.encode("utf-8") for part in context)]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _parts(blob: bytes) -> _Parts:
    blob = bytes(blob)  # PostgreSQL hands out a memoryview
    kid_at = len(_HEADER) + 1
    if len(blob) < kid_at or not blob.startswith(_HEADER):
        raise CannotUnseal
    wrap_at = kid_at + blob[len(_HEADER)]
    wrapped_at = wrap_at + _NONCE_BYTES
    nonce_at = wrapped_at + _WRAPPED_BYTES
    ciphertext_at = nonce_at + _NONCE_BYTES
    kid = blob[kid_at:wrap_at].decode("latin-1")
    if len(blob) < ciphertext_at + _TAG_BYTES or not _KID.fullmatch(kid):
        raise CannotUnseal
    return _Parts(
        kid,
        blob[wrap_at:wrapped_at],
        blob[wrapped_at:nonce_at],
        blob[nonce_at:ciphertext_at],
        blob[ciphertext_at:],
    )
