"""From a CA account's row to a connector that can speak for it."""

from __future__ import annotations

from datetime import datetime

from certificates import keys
from certificates.connectors import CONNECTORS
from certificates.connectors.base import CaEndpoint, Connector
from certificates.models import CaAccount
from certificates.vault import open_for_account, seal_for_account


def connect(account: CaAccount) -> Connector:
    """Return a connector for the account. The account key is made and committed here when there is none yet.

    Raises OperatorMustAct for an unusable key or trust anchor, CannotUnseal without the right key-encryption key.
    """
    sealed_key = ensure_key(account)
    hmac = (
        open_for_account(account, "eab hmac", bytes(account.sealed_eab_hmac)).decode()
        if account.sealed_eab_hmac
        else None
    )
    der = open_for_account(account, "account key", bytes(sealed_key))
    endpoint = CaEndpoint(
        directory_url=account.directory_url,
        account_key_pem=keys.to_pem(keys.load_own(der)),
        roots_pem=account.roots_pem or None,
        account_url=account.account_url or None,
        eab_kid=account.eab_kid or None,
        eab_hmac=hmac,
        contact=(f"mailto:{account.contact}",) if account.contact else (),
    )
    return CONNECTORS[account.connector](endpoint)


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
    facts = connector.directory()
    opened = connector.register(
        terms_agreed=account.terms_agreed_at is not None or not facts.terms_of_service
    )
    CaAccount.objects.filter(pk=account.pk).update(
        account_url=opened.url,
        caa_identities=list(facts.caa_identities) or account.caa_identities,
        terms_url=facts.terms_of_service or "",
        has_renewal_info=facts.has_renewal_info,
    )
    account.refresh_from_db(fields=["account_url", "caa_identities", "terms_url", "has_renewal_info"])
