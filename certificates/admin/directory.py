"""Reading a CA's directory, which is all that "Test connection" does."""

from __future__ import annotations

from certificates import keys
from certificates.connectors import CONNECTORS
from certificates.connectors.base import CaEndpoint, DirectoryFacts
from certificates.models import CaAccount


def look(account: CaAccount) -> DirectoryFacts:
    """Return what the CA says about itself (RFC 8555 §7.1.1). Signs nothing and writes nothing. Raises a CaError."""
    endpoint = CaEndpoint(
        directory_url=account.directory_url,
        # A connector wants a key to speak with; the directory is read without one, so the account's stays sealed.
        account_key_pem=keys.to_pem(keys.generate("ec-p256")),
        roots_pem=account.roots_pem or None,
    )
    return CONNECTORS[account.connector](endpoint).directory()
