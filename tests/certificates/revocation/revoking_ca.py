"""The small CA, which revokes as well: by the account that ordered or by the certificate's own key (RFC 8555 §7.6)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import josepy
from cryptography import x509

from certificates.keys import spki_sha256
from tests.certificates.connectors.rough_ca import Reply, Request, problem
from tests.certificates.issuance.little_ca import LittleCa

# RFC 5280 §5.3.1, those that a subscriber may give.
REASONS = {0, 1, 3, 4, 5}


class RevokingCa(LittleCa):
    """`revoked` maps a serial number to reason and signer ("account" or "key"); a signature that is wrong is refused."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.revoked: dict[int, tuple[int, str]] = {}
        self.owners: dict[int, str] = {}
        self.reasons = REASONS
        self.knows_keys = True

    @property
    def revocations(self) -> list[Request]:
        return self.asked("/revokeCert")

    def _right(self, verb: str, path: str, request: Request) -> Reply:
        return self._revoke(request) if verb == "revokeCert" else super()._right(verb, path, request)

    def _revoke(self, request: Request) -> Reply:
        certificate = x509.load_der_x509_certificate(_bytes(request.payload["certificate"]))
        signer, refusal = self._signer(request, certificate)
        if refusal is not None:
            return refusal
        if request.payload["reason"] not in self.reasons:
            return problem("badRevocationReason", 400)
        if certificate.serial_number in self.revoked:
            return problem("alreadyRevoked", 400)
        self.revoked[certificate.serial_number] = (request.payload["reason"], signer)
        return Reply(200, b"")

    def _signer(self, request: Request, certificate: x509.Certificate) -> tuple[str, Reply | None]:
        if "jwk" in request.protected:
            key = josepy.JWK.from_json(dict(request.protected["jwk"])).key
            same = spki_sha256(key._wrapped) == spki_sha256(certificate.public_key())  # type: ignore[arg-type]
            if not (self.knows_keys and same and _signed(request, key)):
                return "", problem("unauthorized", 403, "That is not this certificate's key.")
            return "key", None
        url = request.protected.get("kid")
        known = next((key for key, account in self.accounts.items() if account == url), None)
        if known is None:
            return "", problem("accountDoesNotExist", 400)
        if self.owners.get(certificate.serial_number, url) != url:
            return "", problem("unauthorized", 403, "Another account ordered this certificate.")
        return "account", None


def _signed(request: Request, key: Any) -> bool:
    """True if the JWS holds a signature by this key (RFC 7515 §5.2)."""
    whole: dict[str, Any] = json.loads(request.raw)
    algorithm = josepy.JWASignature.from_json(request.protected["alg"])
    message = f"{whole['protected']}.{whole['payload']}".encode()
    return bool(algorithm.verify(key=key, msg=message, sig=_bytes(whole["signature"])))


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
