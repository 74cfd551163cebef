"""A small CA that really looks, reuses what it has found valid as often as it is told to, and can lose its memory."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.certificates.connectors.rough_ca import Reply, Request
from tests.certificates.issuance.ledger_attacks.world import Shown, World
from tests.certificates.issuance.little_ca import Authz, LittleCa, Order

PERSIST = "dns-persist-01"


class LookingCa(LittleCa):
    """Knows nothing of customers: an account is an account, as at every CA."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.clock: Callable[[], datetime]
        self.opened = 0
        self.begin(World(), reuse=0)

    def begin(self, world: World, *, reuse: int) -> None:
        """Forget the last case: a CA as new, before a world as new."""
        self.heal()
        self.requests.clear()
        self.accounts.clear()
        self.thumbprints: dict[str, str] = {}
        # Another case's URLs must not come again: our rows of it are still there.
        self.first_order, self.first_authz = len(self.orders), len(self.authzs)
        self.world, self.reuse, self.asked = world, reuse, 0
        self.keeps_valid = False
        self.looks_by_itself = self.takes_any_answer = False
        # What the CA takes as proven for whoever orders through the account, and the customer it was settled with.
        self.prevalidated: dict[str, object] = {}
        self.challenge_types = ("http-01", "dns-01", PERSIST)

    def restart(self, *, counting_anew: bool) -> None:
        """Everything is gone, as when a test CA is started again; the URLs may come again or not."""
        self.accounts.clear()
        if counting_anew:
            del self.orders[self.first_order :], self.authzs[self.first_authz :]
        else:
            self.forget_everything()
            for authz in self.authzs:
                authz.status, authz.account = "gone", "gone"

    # --- accounts and authorizations ------------------------------------------------------------------------

    def _new_account(self, request: Request) -> Reply:
        reply = super()._new_account(request)
        if "Location" in reply.headers:
            self.thumbprints[reply.headers["Location"]] = _thumbprint(request.protected["jwk"])
        return reply

    def _next_account_url(self) -> str:
        # Nobody checks signatures here, so no two keys may ever have one URL.
        self.opened += 1
        return self.url(f"/account/{self.opened}")

    def _authz_for(self, name: str, account: str) -> Authz:
        self.asked += 1
        # Half means every other time, so that a case is the same whenever it is played.
        hands_out = self.reuse == 100 or (self.reuse == 50 and self.asked % 2 == 0)
        self.reuses_pending = self.reuses_valid = hands_out
        authz = super()._authz_for(name, account)
        if authz.identifier in self.prevalidated and authz.status == "pending" and not self.takes_any_answer:
            authz.status = "valid"
        return authz

    def _authz(self, authz: Authz, request: Request, path: str) -> Reply:
        if self.looks_by_itself and authz.status == "pending" and self._stands(authz):
            self._find_valid(authz, PERSIST)
        reply = super()._authz(authz, request, path)
        body: Any = reply.body
        for challenge in body["challenges"]:
            if challenge["type"] == PERSIST:
                del challenge["token"]
                challenge["issuer-domain-names"] = ["ca.example"]
        return reply

    # --- looking --------------------------------------------------------------------------------------------

    def _chall(self, authz: Authz, request: Request, path: str) -> Reply:
        kind = path.split("/")[2]
        if authz.status == "pending":
            if kind == PERSIST:
                found: object = self._whose_account(authz) if self._stands(authz) else None
            else:
                answer = f"{authz.token}.{self.thumbprints[authz.account]}"
                found = self.world.bears_out(kind, authz.identifier, answer, authz.token)
                if found is None and authz.identifier in self.prevalidated:
                    found = "whoever has this account"
            self.validates = "valid" if found is not None else "unauthorized"
            if found is not None:
                self._note(found, authz)
        return super()._chall(authz, request, path)

    def _stands(self, authz: Authz) -> bool:
        return self.world.stands_for(authz.account, authz.identifier, authz.wildcard)

    def _whose_account(self, authz: Authz) -> object:
        """An account of one customer speaks for that customer; one that many share speaks for nobody."""
        return self.world.accounts.get(authz.account, "nobody in particular")

    def _find_valid(self, authz: Authz, kind: str) -> None:
        authz.status, authz.answered = "valid", kind
        self._note(self._whose_account(authz), authz)

    def _note(self, who: object, authz: Authz) -> None:
        self.world.log.append(Shown(who, authz.identifier, authz.wildcard, self.clock()))

    def _finalize(self, order: Order, request: Request, path: str) -> Reply:
        reply = super()._finalize(order, request, path)
        order.status = "valid" if order.pem else order.status
        return self._order_reply(order) if order.pem else reply

    def valid_authorizations(self) -> list[str]:
        """What the next order at the same account would be given without a look, apart from what is on the CA's own list."""
        mine = [one for one in self.authzs[self.first_authz :] if one.identifier not in self.prevalidated]
        return [f"{authz.identifier} ({authz.number})" for authz in mine if authz.status == "valid"]


def _thumbprint(jwk: dict[str, Any]) -> str:
    """RFC 7638."""
    members = {name: jwk[name] for name in sorted(jwk) if name in {"crv", "kty", "x", "y", "e", "n"}}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
