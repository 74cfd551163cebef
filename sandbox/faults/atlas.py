"""Which URL of the CA is what: learnt from the directory and from the answers that pass, as a client learns it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sandbox.faults.exchange import Reply, Request, payload_of

OTHER = "other"
# Every kind of request that a rule may name.
KINDS = frozenset(
    {"directory", "newNonce", "newAccount", "newOrder", "newAuthz", "revokeCert", "keyChange", "renewalInfo"}
    | {"account", "orders", "order", "authorization", "deactivate", "challenge", "finalize", "certificate"}
)
# What an ACME client asks for its own sake, not for a certificate.
HOUSEKEEPING = frozenset({"directory", "newNonce"})


@dataclass
class Atlas:
    """Paths only: host and port are those of the proxy."""

    directory_path: str
    kinds: dict[str, str] = field(default_factory=dict)
    # Path of an authorization, a challenge, a finalize or a certificate: the order it belongs to.
    subjects: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kinds[self.directory_path] = "directory"

    def read(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Request:
        """Name a request."""
        kind = self.kinds.get(path) or self._below(path)
        if kind == "authorization" and payload_of(body).get("status") == "deactivated":
            kind = "deactivate"
        return Request(kind, method, path, headers, body, self.subjects.get(path, ""))

    def _below(self, path: str) -> str:
        """RFC 9773 §4.1: a certificate's renewal information lies below the directory's renewalInfo."""
        roots = [known for known, kind in self.kinds.items() if kind == "renewalInfo"]
        return "renewalInfo" if any(path.startswith(root.rstrip("/") + "/") for root in roots) else OTHER

    def learn(self, request: Request, reply: Reply) -> None:
        """Take over what an answer of the real CA says about further URLs."""
        document = reply.document
        location = _path(_header(reply, "Location"))
        if request.kind == "directory":
            for name, url in document.items():
                if name in KINDS:
                    self.kinds[_path(url)] = name
        elif request.kind == "newAccount" and location:
            self.kinds[location] = "account"
            self._note(document.get("orders"), "orders")
        elif "finalize" in document and "identifiers" in document:
            self._order(document, location if request.kind == "newOrder" else request.subject)
        elif "challenges" in document:
            for challenge in document["challenges"]:
                self._note(challenge.get("url"), "challenge", request.subject)

    def _order(self, document: dict[str, Any], subject: str) -> None:
        self._note(subject, "order", subject)
        self._note(document["finalize"], "finalize", subject)
        self._note(document.get("certificate"), "certificate", subject)
        for url in document.get("authorizations") or []:
            self._note(url, "authorization", subject)

    def _note(self, url: object, kind: str, subject: str = "") -> None:
        path = _path(url)
        if path:
            self.kinds[path] = kind
            if subject:
                self.subjects[path] = subject


def _path(url: object) -> str:
    return urlsplit(url).path if isinstance(url, str) else ""


def _header(reply: Reply, name: str) -> str:
    return next((value for key, value in reply.headers.items() if key.lower() == name.lower()), "")
