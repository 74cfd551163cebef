"""Keys whose private half became known: what was once certified under them is never certified again (BR 6.1.1.3)."""

from __future__ import annotations

from cryptography import x509

from certificates import keys
from certificates.models import Activation, Certificate, Issuance, Revocation


class CompromisedKeys:
    """Every such key, by the hex SHA-256 of its SubjectPublicKeyInfo; asked of the database one at a time."""

    def __contains__(self, spki_sha256: object) -> bool:
        return Revocation.objects.compromised(str(spki_sha256))


COMPROMISED = CompromisedKeys()


def key_of(issuance: Issuance) -> str | None:
    """Return the hex SHA-256 of the public key the customer's CSR holds; None where we make a fresh key."""
    if issuance.key_id is not None or issuance.csr is None:
        return None
    return keys.spki_sha256(x509.load_der_x509_csr(bytes(issuance.csr)).public_key())


def asks_for_compromised_key(issuance: Issuance) -> bool:
    """True if the CSR holds a key that became known since it was handed in. A key of ours is fresh each time."""
    spki = key_of(issuance)
    return spki is not None and spki in COMPROMISED


def needs_new_csr(activation: Activation, newest: Certificate | None) -> bool:
    """True while the plan's own CSR holds the key that was reported as known: the next certificate needs another.

    Reads only what certificates.standing has fetched. A CSR saved after the report was checked against it.
    """
    revocation = getattr(newest, "revocation", None)
    if revocation is None or not revocation.of_compromised_key or activation.csr_done_at is None:
        return False
    pasted = activation.csr_source == Activation.CsrSource.PASTED
    return pasted and activation.csr_done_at <= revocation.asked_at
