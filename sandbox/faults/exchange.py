"""One request to the CA and what comes back, whole: ACME's bodies are small."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Protocol

ACME = "urn:ietf:params:acme:error:"
PROBLEM_TYPE = "application/problem+json"

Cut = Literal["", "before", "middle"]


@dataclass(frozen=True)
class Request:
    """`kind` is the ACME word for what is asked (newOrder, order, authorization, challenge ...); see `atlas`."""

    kind: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    # The order that this is about: its path; "" for a request about none.
    subject: str = ""

    @cached_property
    def payload(self) -> dict[str, Any]:
        """What the JWS carries: signed, not secret. Empty for POST-as-GET and for what is no JWS."""
        return payload_of(self.body)


def payload_of(body: bytes) -> dict[str, Any]:
    """The payload of a flattened JWS (RFC 7515 §7.2.2), {} where there is none."""
    try:
        text = str(json.loads(body)["payload"])
        value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, KeyError, TypeError):
        return {}
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Reply:
    """An answer. It is held back for `seconds`; `cut` resets the connection before it, or in its middle."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    cut: Cut = ""

    @cached_property
    def document(self) -> dict[str, Any]:
        """The body as a JSON object, {} where it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def saying(self, **changes: Any) -> Reply:
        """The same answer with these fields of its JSON changed; None takes a field out."""
        document = self.document | changes
        kept = {name: value for name, value in document.items() if value is not None}
        return replace(self, body=json.dumps(kept).encode())

    def with_header(self, name: str, value: str) -> Reply:
        """The same answer with one header set."""
        kept = {key: known for key, known in self.headers.items() if key.lower() != name.lower()}
        return replace(self, headers={**kept, name: value})


class Ca(Protocol):
    """What a misdeed may ask of the real CA, and what it may remember: by an order's path, as long as that is pending."""

    memory: dict[str, Any]

    def ask(self, request: Request) -> Reply:
        """Pass the request on; raises OSError when the CA does not answer."""
        ...

    def nonce(self) -> str:
        """A nonce that the CA will take."""
        ...

    def restart(self) -> None:
        """End the CA and start it without anything it knew."""
        ...


def problem(ca: Ca, typ: str, status: int, detail: str, **rest: Any) -> Reply:
    """A problem document (RFC 7807) with a fresh nonce; `headers` goes to the answer, the rest into the document."""
    headers = {"Content-Type": PROBLEM_TYPE, "Replay-Nonce": ca.nonce(), **rest.pop("headers", {})}
    document = {"type": typ if ":" in typ else ACME + typ, "detail": detail, "status": status, **rest}
    return Reply(status, headers, json.dumps(document).encode())
