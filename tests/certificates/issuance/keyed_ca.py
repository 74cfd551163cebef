"""A little CA that looks at signatures, and whose accounts can be changed: key, contact, terms, their end."""

from __future__ import annotations

import ast
import base64
import json
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.certificates.connectors.rough_ca import Reply, Request, problem
from tests.certificates.issuance.little_ca import LittleCa


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signed_by(jwk: dict[str, str], jws: dict[str, str]) -> bool:
    x, y = (int.from_bytes(decode(jwk[part]), "big") for part in "xy")
    raw = decode(jws["signature"])
    signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key().verify(
            signature, f"{jws['protected']}.{jws['payload']}".encode(), ec.ECDSA(hashes.SHA256())
        )
    except InvalidSignature:
        return False
    return True


class KeyedCa(LittleCa):
    """`accounts` maps a key to its account's URL, as in the little CA. `updates` is what accounts were told."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.updates: list[dict[str, Any]] = []
        self.closed: set[str] = set()
        self.bindings: list[str] = []
        self.wants_binding = False
        self.wrong_keys = 0

    def _right(self, verb: str, path: str, request: Request) -> Reply:
        kid = request.protected.get("kid")
        if kid is not None:
            jwk = self.key_of(kid)
            if jwk is None:
                return problem("accountDoesNotExist", 400)
            if not signed_by(jwk, json.loads(request.raw)):
                self.wrong_keys += 1
                return problem("malformed", 400, "JWS verification error")
            if kid in self.closed:
                return problem("unauthorized", 401, "Account is deactivated.")
        if verb == "keyChange":
            return self._key_change(request)
        if verb == "account":
            return self._account(request)
        return super()._right(verb, path, request)

    def key_of(self, url: str) -> dict[str, str] | None:
        found = (key for key, known in self.accounts.items() if known == url)
        text = next(found, None)
        return dict(ast.literal_eval(text)) if text is not None else None

    def _new_account(self, request: Request) -> Reply:
        key = str(sorted(request.protected["jwk"].items()))
        wanted = request.payload or {}
        if key not in self.accounts and not wanted.get("onlyReturnExisting"):
            binding = wanted.get("externalAccountBinding")
            if self.wants_binding and binding is None:
                return problem("externalAccountRequired", 403, "This CA wants a binding.")
            if binding is not None:
                kid = json.loads(decode(binding["protected"]))["kid"]
                if kid in self.bindings:
                    return problem("unauthorized", 401, "This binding has been used.")
                self.bindings.append(kid)
        return super()._new_account(request)

    def _key_change(self, request: Request) -> Reply:
        inner = request.payload
        new = json.loads(decode(inner["protected"]))["jwk"]
        claim = json.loads(decode(inner["payload"]))
        key, url = str(sorted(new.items())), request.protected["kid"]
        if not signed_by(new, inner) or claim["account"] != url or claim["oldKey"] != self.key_of(url):
            return problem("malformed", 400, "Inner JWS is wrong.")
        if key in self.accounts:
            return problem("malformed", 409, "Key in use.", headers={"Location": self.accounts[key]})
        self.accounts = {known: at for known, at in self.accounts.items() if at != url} | {key: url}
        return Reply(body={"status": "valid"})

    def _account(self, request: Request) -> Reply:
        url, wanted = request.protected["kid"], request.payload or {}
        self.updates.append(wanted)
        if wanted.get("status") == "deactivated":
            self.closed.add(url)
            return Reply(body={"status": "deactivated"})
        return Reply(
            body={"status": "valid"} | ({"contact": wanted["contact"]} if "contact" in wanted else {})
        )
