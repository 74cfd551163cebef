"""The vault: the only place where private keys and CA secrets are sealed and opened."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import lru_cache

from django.conf import settings

from accounts.models import User
from certificates import keys
from certificates.models import CaAccount, PrivateKey
from certificates.sealing import KeyRing, kid_of, rewrap, seal, unseal
from leases.inserts import insert_all


class KeyDestroyed(Exception):
    """The owner had this key destroyed; nobody holds it any more."""


@lru_cache(maxsize=4)
def _ring_of(setting: str) -> KeyRing:
    return KeyRing.from_setting(setting)


def ring() -> KeyRing:
    """Return the key-encryption keys of KEY_ENCRYPTION_KEYS: the first seals, all open."""
    return _ring_of(settings.KEY_ENCRYPTION_KEYS)


def _context(key: PrivateKey) -> tuple[str, ...]:
    return ("private_key", str(key.pk), str(key.owner_id), "certificate key")


def keep(key: keys.PrivateKey, *, owner: User, key_type: str, now: datetime) -> PrivateKey:
    """Seal a new key for its owner and store it. Call it inside the transaction that stores its CSR."""
    row = PrivateKey(
        id=uuid.uuid4(),
        owner=owner,
        key_type=key_type,
        spki_sha256=keys.spki_sha256(key.public_key()),
        created_at=now,
    )
    sealed = seal(keys.to_der(key), context=_context(row), ring=ring())
    row.sealed, row.kid = sealed, kid_of(sealed)
    insert_all([row])
    return row


def open_key(row: PrivateKey) -> bytes:
    """Return the key as unencrypted PKCS #8 DER. Raises KeyDestroyed, CannotUnseal.

    The caller has checked that the person is the owner and has just signed in again.
    """
    if row.sealed is None:
        raise KeyDestroyed(str(row.pk))
    return unseal(bytes(row.sealed), context=_context(row), ring=ring())


def rewrap_key(row: PrivateKey) -> bool:
    """Wrap the data key under the newest key-encryption key; False when it is already, or was destroyed."""
    if row.sealed is None or row.kid == ring().newest:
        return False
    sealed = rewrap(bytes(row.sealed), context=_context(row), ring=ring())
    # Compare-and-swap on the old kid: a key destroyed or rewrapped meanwhile stays as it is.
    return PrivateKey.objects.filter(pk=row.pk, kid=row.kid).update(sealed=sealed, kid=kid_of(sealed)) == 1


def _account_context(account: CaAccount, purpose: str) -> tuple[str, ...]:
    return ("ca_account", str(account.pk), "-", purpose)


def seal_for_account(account: CaAccount, purpose: str, secret: bytes) -> bytes:
    """Seal a secret of a CA account; `purpose` is "account key" or "eab hmac"."""
    return seal(secret, context=_account_context(account, purpose), ring=ring())


def open_for_account(account: CaAccount, purpose: str, sealed: bytes) -> bytes:
    """Raises CannotUnseal."""
    return unseal(bytes(sealed), context=_account_context(account, purpose), ring=ring())


ACCOUNT_SECRETS = {
    "sealed_key": "account key",
    "sealed_next_key": "account key",
    "sealed_eab_hmac": "eab hmac",
}


def _older_secrets(account: CaAccount) -> dict[str, bytes]:
    found = {field: getattr(account, field) for field in ACCOUNT_SECRETS}
    return {
        field: bytes(sealed)
        for field, sealed in found.items()
        if sealed is not None and kid_of(bytes(sealed)) != ring().newest
    }


def needs_rewrapping(account: CaAccount) -> bool:
    """True if a secret of the account is not under the newest key-encryption key."""
    return bool(_older_secrets(account))


def rewrap_account(account: CaAccount) -> bool:
    """Wrap an account's secrets under the newest key-encryption key; False when nothing had to change. Raises CannotUnseal."""
    held = _older_secrets(account)
    changed = {
        field: rewrap(sealed, context=_account_context(account, ACCOUNT_SECRETS[field]), ring=ring())
        for field, sealed in held.items()
    }
    # Compare-and-swap: a key that was changed meanwhile must not come back.
    return bool(changed) and CaAccount.objects.filter(pk=account.pk, **held).update(**changed) == 1
