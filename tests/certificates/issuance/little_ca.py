"""A small ACME CA with a memory whose every answer can be spoilt: for the outcomes a real test CA never gives."""

from __future__ import annotations

import base64
import secrets
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from tests.certificates import samples
from tests.certificates.connectors.rough_ca import Reply, Request, RoughCa, problem

# Requests that an ACME client makes for its own sake, not for a certificate.
HOUSEKEEPING = {"directory", "newNonce"}


@dataclass
class Authz:
    number: int
    identifier: str
    wildcard: bool
    account: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    status: str = "pending"
    error: dict[str, Any] | None = None
    answered: str = ""
    answers: int = 0
    opened_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Order:
    number: int
    names: list[str]
    authzs: list[Authz]
    status: str = "pending"
    error: dict[str, Any] | None = None
    csr: bytes = b""
    polls: int = 0
    pem: str = ""


@dataclass(frozen=True)
class Fault:
    """`reply` in place of the right answer; with `acts` the CA does what was asked and only its answer is lost."""

    reply: Reply
    acts: bool = False


class LittleCa(RoughCa):
    """Answers challenges as `validates` says, signs at finalize, and obeys `spoil`.

    A request's verb is newAccount, newOrder, order, authz, deactivate, chall, finalize, cert, list, newNonce or directory.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.script.clear()
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.always: dict[str, Fault] = {}
        self.asked_for: Counter[str] = Counter()
        self.orders: list[Order] = []
        self.authzs: list[Authz] = []
        self.accounts: dict[str, str] = {}
        self.forgotten_accounts = False
        # "valid", "invalid", "never" (the answer leads to nothing), or a problem type that ends the challenge
        self.validates = "valid"
        self.challenge_types = ("http-01", "dns-01", "tls-alpn-01")
        self.processing_polls = 0
        self.reuses_orders = False
        self.reuses_pending = False
        self.reuses_valid = False
        self.keeps_valid = False
        self.lists_orders = False
        self.expires: datetime | None = None
        self.authz_expires: datetime | None = None
        # How long an authorization lives from its opening; `authz_expires` is for all of them.
        self.authz_life: timedelta | None = None
        self.retry_after: str | None = None
        # (names, key, CSR) -> PEM chain; replaced by tests that want a wrong certificate
        self.sign: Callable[[list[str], Any], str] = signed_now

    # --- what tests say -------------------------------------------------------------------------------------

    def spoil(self, verb: str, *replies: Reply, acts: bool = False) -> None:
        """Give these answers to the next requests of this kind, one each."""
        self.faults[verb].extend(Fault(reply, acts) for reply in replies)

    def spoil_always(self, verb: str, reply: Reply) -> None:
        self.always[verb] = Fault(reply)

    def heal(self) -> None:
        self.faults.clear()
        self.always.clear()

    @property
    def certificates(self) -> int:
        return sum(bool(order.pem) for order in self.orders)

    @property
    def counted(self) -> int:
        """How many requests a certificate has cost so far."""
        return sum(count for verb, count in self.asked_for.items() if verb not in HOUSEKEEPING)

    # --- answering ------------------------------------------------------------------------------------------

    def next_reply(self, path: str) -> Reply:
        request = self.requests[-1]
        verb = self._verb(path, request)
        self.asked_for[verb] += 1
        fault = self.faults[verb].popleft() if self.faults.get(verb) else self.always.get(verb)
        if fault is not None and not fault.acts:
            return fault.reply
        reply = self._right(verb, path, request)
        return fault.reply if fault is not None else reply

    def _verb(self, path: str, request: Request) -> str:
        verb = path.strip("/").split("/")[0]
        deactivates = isinstance(request.payload, Mapping) and request.payload.get("status") == "deactivated"
        return "deactivate" if verb == "authz" and deactivates else verb

    def _right(self, verb: str, path: str, request: Request) -> Reply:
        number = int(path.rsplit("/", 1)[1]) if path.count("/") > 1 else -1
        if verb == "directory":
            return Reply(body=self.directory)
        if verb == "newNonce":
            return Reply()
        if verb == "newAccount":
            return self._new_account(request)
        if request.protected.get("kid") not in self.accounts.values():
            return problem("accountDoesNotExist", 400)
        if verb == "newOrder":
            return self._new_order(request)
        if verb == "list":
            return Reply(body={"orders": [self.url(f"/order/{order.number}") for order in self.orders]})
        many = self.authzs if verb in {"authz", "deactivate", "chall"} else self.orders
        if not 0 <= number < len(many):
            return problem("malformed", 404, "No such thing.")
        return getattr(self, f"_{verb}")(many[number], request, path)

    def _new_account(self, request: Request) -> Reply:
        key = str(sorted(request.protected["jwk"].items()))
        known = key in self.accounts
        if not known and (request.payload or {}).get("onlyReturnExisting"):
            return problem("accountDoesNotExist", 400)
        url = self.accounts.setdefault(key, self._next_account_url())
        document = {"status": "valid"}
        if self.lists_orders:
            document["orders"] = self.url("/list/0")
        return Reply(200 if known else 201, document, {"Location": url})

    def _next_account_url(self) -> str:
        return self.url(f"/account/{len(self.accounts)}")

    def forget_everything(self) -> None:
        """What a test CA does when it is started anew: accounts and orders are gone, certificates are signed."""
        self.accounts.clear()
        self.orders = [Order(order.number, [], [], "gone", pem=order.pem) for order in self.orders]

    def _new_order(self, request: Request) -> Reply:
        names = [item["value"] for item in request.payload["identifiers"]]
        if self.reuses_orders:
            for order in self.orders:
                if order.names == names and self._state(order) in {"pending", "ready"}:
                    return self._order_reply(order, 201)
        account = request.protected["kid"]
        order = Order(len(self.orders), names, [self._authz_for(name, account) for name in names])
        self.orders.append(order)
        return self._order_reply(order, 201)

    def _authz_for(self, name: str, account: str) -> Authz:
        reusable = ({"pending"} if self.reuses_pending else set()) | (
            {"valid"} if self.reuses_valid else set()
        )
        identifier, wildcard = name.removeprefix("*."), name.startswith("*.")
        for authz in self.authzs:
            same = (authz.identifier, authz.wildcard, authz.account) == (identifier, wildcard, account)
            if same and authz.status in reusable:
                return authz
        authz = Authz(len(self.authzs), identifier, wildcard, account)
        self.authzs.append(authz)
        return authz

    def _state(self, order: Order) -> str:
        """RFC 8555 §7.1.6: an order follows its authorizations until it is finalized."""
        if order.status == "pending":
            states = {authz.status for authz in order.authzs}
            if states <= {"valid"}:
                order.status = "ready"
            elif states - {"valid", "pending"}:
                order.status = "invalid"
                order.error = next((authz.error for authz in order.authzs if authz.error), None)
        elif order.status == "ready" and any(authz.status != "valid" for authz in order.authzs):
            order.status = "invalid"
        return order.status

    def _order_reply(self, order: Order, status: int = 200) -> Reply:
        if order.status == "gone":
            return problem("malformed", 404, "No such order.")
        url = self.url(f"/order/{order.number}")
        document: dict[str, Any] = {
            "status": self._state(order),
            "identifiers": [{"type": "dns", "value": name} for name in order.names],
            "authorizations": [self.url(f"/authz/{authz.number}") for authz in order.authzs],
            "finalize": self.url(f"/finalize/{order.number}"),
        }
        if self.expires:
            document["expires"] = self.expires.isoformat().replace("+00:00", "Z")
        if order.error:
            document["error"] = order.error
        if order.status == "valid":
            document["certificate"] = self.url(f"/cert/{order.number}")
        headers = {"Location": url} | ({"Retry-After": self.retry_after} if self.retry_after else {})
        return Reply(status, document, headers)

    def _order(self, order: Order, request: Request, path: str) -> Reply:
        if order.status == "processing":
            order.polls += 1
            if order.polls > self.processing_polls:
                order.status = "valid"
        return self._order_reply(order)

    def _authz(self, authz: Authz, request: Request, path: str) -> Reply:
        challenges = [
            {
                "type": kind,
                "url": self.url(f"/chall/{kind}/{authz.number}"),
                "token": authz.token,
                "status": authz.status if authz.answered == kind else "pending",
            }
            | ({"error": authz.error} if authz.error and authz.answered == kind else {})
            for kind in self.challenge_types
        ]
        document = {
            "status": authz.status,
            "identifier": {"type": "dns", "value": authz.identifier},
            "challenges": challenges,
        }
        if authz.wildcard:
            document["wildcard"] = True
        life = authz.opened_at + self.authz_life if self.authz_life else None
        expires = life or self.authz_expires or self.expires
        if expires:
            document["expires"] = expires.isoformat().replace("+00:00", "Z")
        return Reply(body=document)

    def _deactivate(self, authz: Authz, request: Request, path: str) -> Reply:
        if not self.keeps_valid:
            authz.status = "deactivated"
        return self._authz(authz, request, path)

    def _chall(self, authz: Authz, request: Request, path: str) -> Reply:
        if authz.status != "pending":
            return problem("malformed", 400, "This authorization is no longer pending.")
        authz.answered, authz.answers = path.split("/")[2], authz.answers + 1
        if self.validates == "valid":
            authz.status = "valid"
        elif self.validates != "never":
            kind = "unauthorized" if self.validates == "invalid" else self.validates
            authz.status = "invalid"
            authz.error = {
                "type": f"urn:ietf:params:acme:error:{kind}",
                "detail": "Wrong value.",
                "status": 403,
            }
        return Reply(
            body={"type": authz.answered, "url": self.url(path), "token": authz.token, "status": "pending"}
        )

    def _finalize(self, order: Order, request: Request, path: str) -> Reply:
        if self._state(order) != "ready":
            return problem("orderNotReady", 403)
        coded = request.payload["csr"]
        order.csr = base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4))
        key = x509.load_der_x509_csr(order.csr).public_key()
        order.pem = self.sign(order.names, key)
        order.status = "processing"
        return self._order_reply(order)

    def _cert(self, order: Order, request: Request, path: str) -> Reply:
        return Reply(body=order.pem.encode(), content_type="application/pem-certificate-chain")


class PublicOnly:
    """A key of which only the public half is known, as samples.leaf wants it."""

    def __init__(self, public: Any) -> None:
        self._public = public

    def public_key(self) -> Any:
        return self._public


def signed_now(names: list[str], public: Any, **changes: Any) -> str:
    """A chain for these names and this key, valid from an hour ago for ninety days."""
    _root, intermediate = samples.hierarchy()
    now = datetime.now(UTC)
    leaf = samples.leaf(
        intermediate,
        names,
        key=PublicOnly(public),
        not_before=changes.pop("not_before", now - timedelta(hours=1)),
        not_after=changes.pop("not_after", now + timedelta(days=90)),
        **changes,
    )
    return samples.pem_of(leaf, intermediate)
