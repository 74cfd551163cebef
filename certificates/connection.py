"""From a CA account's row to a connector that can speak for it."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from certificates import key_change, keys
from certificates.connectors import CONNECTORS
from certificates.connectors.base import AccountStatus, CaEndpoint, Connector, DirectoryFacts
from certificates.connectors.problems import ACME_PREFIX, OperatorMustAct, Problem
from certificates.models import CaAccount
from certificates.vault import open_for_account, seal_for_account


def connect(account: CaAccount) -> Connector:
    """Return a connector for the account. The account key is made and committed here when there is none yet.

    Where a change of the key was interrupted, the CA is asked first which key it is (RFC 8555 §7.3.5).
    Raises OperatorMustAct for an unusable key or trust anchor, CannotUnseal without the right key-encryption key,
    and after an interrupted change of the key any CaError.
    """
    sealed_key = ensure_key(account)
    if account.sealed_next_key is not None and account.account_url:
        waiting = speaker(account, bytes(account.sealed_next_key))
        if key_change.is_done(account, waiting):
            key_change.take_over(account, waiting.thumbprint, now=timezone.now(), by="connection")
            sealed_key = bytes(account.sealed_key or b"")
    return speaker(account, sealed_key)


def speaker(account: CaAccount, sealed_key: bytes) -> Connector:
    """Return a connector that speaks for the account by this key. Raises like `connect`, without asking the CA."""
    house = account.house_account
    hmac = (
        open_for_account(house, "eab hmac", bytes(house.sealed_eab_hmac)).decode()
        if house.sealed_eab_hmac
        else None
    )
    endpoint = CaEndpoint(
        directory_url=house.directory_url,
        account_key_pem=key_pem(account, sealed_key),
        roots_pem=house.roots_pem or None,
        account_url=account.account_url or None,
        eab_kid=house.eab_kid or None,
        eab_hmac=hmac,
        contact=contact_of(house),
    )
    return CONNECTORS[house.connector](endpoint)


def key_pem(account: CaAccount, sealed_key: bytes) -> bytes:
    """Return an account key in the clear, as a connector takes it. Raises CannotUnseal."""
    return _key_pem(account.pk, bytes(sealed_key), settings.KEY_ENCRYPTION_KEYS)


@lru_cache(maxsize=64)
def _key_pem(account_pk: uuid.UUID, sealed_key: bytes, ring: str) -> bytes:
    """Each walk asks for it anew; the process holds it anyway (connectors/rfc8555/signing.py). `ring` says what opened it."""
    return keys.to_pem(keys.load_own(open_for_account(CaAccount(pk=account_pk), "account key", sealed_key)))


def contact_of(account: CaAccount) -> tuple[str, ...]:
    """Return the contact as the CA wants it: URLs (RFC 8555 §7.1.2)."""
    return (f"mailto:{account.contact}",) if account.contact else ()


def ensure_key(account: CaAccount) -> bytes:
    """Return the sealed account key, made and committed before the CA is asked for an account.

    The same key finds the same account again, whatever died in between (RFC 8555 §7.3.1).
    """
    if account.sealed_key is not None:
        return bytes(account.sealed_key)
    sealed = seal_for_account(account, "account key", keys.to_der(keys.generate("ec-p256")))
    CaAccount.objects.filter(pk=account.pk, sealed_key__isnull=True).update(sealed_key=sealed)
    account.refresh_from_db(fields=["sealed_key"])
    return bytes(account.sealed_key or b"")


def register(account: CaAccount, connector: Connector, now: datetime) -> None:
    """Open the account at the CA, or find it again, and store what the CA says about itself. Raises a CaError."""
    house, facts = account.house_account, connector.directory()
    note_directory(house, facts, now)
    opened = connector.register(terms_agreed=house.terms_agreed_at is not None or not facts.terms_of_service)
    if opened.status in {AccountStatus.DEACTIVATED, AccountStatus.REVOKED}:
        text = f"The CA has closed this account: its status is {opened.status.value}."
        raise OperatorMustAct(Problem(ACME_PREFIX + "unauthorized", text))
    with transaction.atomic():
        news = {"opened_at": now} if opened.made else {}
        CaAccount.objects.filter(pk=account.pk).update(account_url=opened.url, **news)
        if house.sealed_eab_hmac is not None and not house.eab_reusable:
            # Spent: it could open nothing more, and what is not kept cannot leak.
            CaAccount.objects.filter(pk=house.pk).update(sealed_eab_hmac=None)
        if house.terms_agreed_at is not None and not house.terms_url:
            agreed = CaAccount.objects.filter(pk=house.pk, terms_url="")
            agreed.update(terms_url=facts.terms_of_service or "")
    account.refresh_from_db(
        fields=["account_url", "opened_at", "caa_identities", "profiles", "terms_url", "terms_offered"]
    )


def note_directory(house: CaAccount, facts: DirectoryFacts, now: datetime, *, caa: bool = True) -> None:
    """Store what the CA says about itself with the account and those of its customers, where it is news.

    The CAA issuer names only with `caa`: an operator may have typed others for a reason.
    """
    told: dict[str, Any] = {
        "caa_identities": (list(facts.caa_identities) if caa else []) or house.caa_identities,
        "terms_offered": facts.terms_of_service or "",
        "profiles": dict(facts.profiles),
        "has_renewal_info": facts.has_renewal_info,
    }
    news = {name: value for name, value in told.items() if getattr(house, name) != value}
    if "terms_offered" in news:
        news["terms_offered_at"] = now
    if news:
        CaAccount.objects.filter(Q(pk=house.pk) | Q(parent=house.pk)).update(**news)
        for name, value in news.items():
            setattr(house, name, value)
