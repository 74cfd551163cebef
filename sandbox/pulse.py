"""Whether the test CA still writes: one that is locked up inside goes on to answer for its directory."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_NUMBER = 32  # bytes of a P-256 coordinate, and of each half of an ES256 signature (RFC 7518 §3.4)


class Pulse:
    """An account of the watch's own at the CA; each beat changes its contact, which takes the CA's innermost lock."""

    def __init__(self, client: httpx.AsyncClient, directory_url: str) -> None:
        self._client = client
        self._directory_url = directory_url
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._account_url: str | None = None
        self._beats = 0

    async def beats(self) -> bool:
        """Have the CA write something down; False when it does not answer in the client's time. A refusal is an answer."""
        try:
            directory = (await self._client.get(self._directory_url)).json()
            nonce = (await self._client.head(directory["newNonce"])).headers["Replay-Nonce"]
            if self._account_url is None:
                known = await self._post(directory["newAccount"], nonce, {"termsOfServiceAgreed": True})
                self._account_url = known.headers.get("Location")
                return True
            self._beats += 1
            contact = [f"mailto:watch{self._beats % 2}@sandbox.example"]
            answer = await self._post(self._account_url, nonce, {"contact": contact})
            if answer.status_code >= 400:
                # A refused nonce does no harm here either: the next beat asks for the same account by its key.
                self._account_url = None
            return True
        except (httpx.HTTPError, ValueError, KeyError):
            return False

    async def _post(self, url: str, nonce: str, payload: dict[str, Any]) -> httpx.Response:
        """POST a flattened JWS, by the account's URL once it is known (RFC 8555 §6.2)."""
        who: dict[str, Any] = {"kid": self._account_url} if self._account_url else {"jwk": self._jwk()}
        protected = _encoded(json.dumps({"alg": "ES256", "nonce": nonce, "url": url, **who}).encode())
        content = _encoded(json.dumps(payload).encode())
        signature = self._key.sign(f"{protected}.{content}".encode(), ec.ECDSA(hashes.SHA256()))
        halves = b"".join(half.to_bytes(_NUMBER, "big") for half in decode_dss_signature(signature))
        body = {"protected": protected, "payload": content, "signature": _encoded(halves)}
        headers = {"Content-Type": "application/jose+json"}
        return await self._client.post(url, content=json.dumps(body), headers=headers)

    def _jwk(self) -> dict[str, str]:
        point = self._key.public_key().public_numbers()
        x, y = (_encoded(number.to_bytes(_NUMBER, "big")) for number in (point.x, point.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
