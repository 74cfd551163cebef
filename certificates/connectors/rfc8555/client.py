"""Signed requests to one CA: its directory, its nonces, and its refusals as exceptions."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from acme import messages

from certificates.connectors.base import DirectoryFacts
from certificates.connectors.problems import (
    ACME_PREFIX,
    LOCAL_PREFIX,
    CaError,
    NotFound,
    OperatorMustAct,
    Problem,
    TryAgain,
    clean,
    error_for,
)
from certificates.connectors.rfc8555.headers import links, require_https, retry_at_of_refusal
from certificates.connectors.rfc8555.messages import read_directory, read_problem
from certificates.connectors.rfc8555.nonces import NoncePool
from certificates.connectors.rfc8555.signing import SigningKey
from certificates.connectors.rfc8555.transport import Answer, Transport

NONCE_TRIES = 10
# Whoever holds a lease (leases.LEASE, 90 s) renews it before a request, not amid its tries: none begins after so long, so
# that the last one ends in time even if it runs into its own limits (transport: 5 s to connect, 30 s for all of an answer).
NONCE_SECONDS = 45.0
DIRECTORY_LIFE = 3600.0
_REQUIRED = ("newNonce", "newAccount", "newOrder")
_NONCE = re.compile(r"[A-Za-z0-9_-]{1,1000}")

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class Client:
    """What every account at one CA shares within a process. Safe to use from several threads."""

    def __init__(self, directory_url: str, roots_pem: str | None) -> None:
        """Raises `OperatorMustAct` for unusable `roots_pem`."""
        self._directory_url = directory_url
        self._transport = Transport(roots_pem)
        self._nonces = NoncePool()
        self._lock = threading.Lock()
        self._directory: tuple[float, messages.Directory] | None = None

    def directory(self, now: Clock) -> messages.Directory:
        """The CA's directory, at most an hour old; raises like `fetch_directory`."""
        with self._lock:
            known = self._directory
        if known is not None and time.monotonic() - known[0] < DIRECTORY_LIFE:
            return known[1]
        return self._fetch(now)[0]

    def fetch_directory(self, now: Clock) -> DirectoryFacts:
        """Ask afresh. Raises `OperatorMustAct` if the address answers, but not with an ACME directory."""
        return read_directory(*self._fetch(now))

    def _fetch(self, now: Clock) -> tuple[messages.Directory, Mapping[str, Any]]:
        answer = self._transport.exchange(
            "directory", "GET", self._directory_url, headers={"Accept": "application/json"}
        )
        if not answer.ok:
            error = refusal(answer, now=now())
            raise OperatorMustAct(error.problem) if isinstance(error, NotFound) else error
        document = answer.json_object()
        if document is None:
            raise _unusable(answer, "is not the JSON of an ACME directory", may_have_acted=False)
        missing = [name for name in _REQUIRED if not document.get(name)]
        if missing:
            raise OperatorMustAct(
                Problem(
                    LOCAL_PREFIX + "configuration",
                    f"{self._directory_url} is not an ACME directory: it lacks {', '.join(missing)}.",
                    answer.status,
                )
            )
        for name in _REQUIRED:
            require_https(document[name], f"directory's {name} URL")
        meta = document.get("meta")
        copy = document | {"meta": dict(meta) if isinstance(meta, dict) else {}}
        directory = messages.Directory.from_json(copy)
        with self._lock:
            self._directory = (time.monotonic(), directory)
        return directory, document

    def resource(self, name: str, now: Clock) -> str:
        """A directory entry's URL; raises `OperatorMustAct` where the CA has no such resource."""
        try:
            return require_https(self.directory(now)[name], f"directory's {name} URL")
        except KeyError:
            raise OperatorMustAct(
                Problem(LOCAL_PREFIX + "unsupported", f"This CA offers no {clean(name, 50)}.")
            ) from None

    def post(
        self,
        verb: str,
        key: SigningKey,
        url: str,
        payload: Mapping[str, Any] | None,
        *,
        account_url: str | None,
        now: Clock,
        accept: str = "application/json",
    ) -> Answer:
        """POST `payload` signed, or POST-as-GET for None (RFC 8555 §6.3); a refused nonce is replaced at once.

        Raises a `CaError` for every answer but 2xx.
        """
        body = b"" if payload is None else json.dumps(payload).encode()
        headers = {"Content-Type": "application/jose+json", "Accept": accept}
        begun = time.monotonic()
        for left in reversed(range(NONCE_TRIES)):
            signed = key.sign(body, url=url, nonce=self._nonce(now), account_url=account_url)
            answer = self._transport.exchange(verb, "POST", url, body=signed, headers=headers)
            error = None if answer.ok else refusal(answer, now=now())
            nonce_refused = error is not None and error.typ == ACME_PREFIX + "badNonce"
            if nonce_refused:
                self._nonces.clear()
            fresh = _nonce_in(answer)
            if fresh is not None:
                self._nonces.add(fresh)
            if error is None:
                return answer
            if not nonce_refused or not left or time.monotonic() - begun > NONCE_SECONDS:
                raise error
        raise AssertionError("the last try returns or raises")

    def get(self, verb: str, url: str, *, now: Clock) -> Answer:
        """GET without a signature, for the few resources that are open to everybody. Raises a `CaError` for all but 2xx."""
        answer = self._transport.exchange(verb, "GET", url, headers={"Accept": "application/json"})
        if not answer.ok:
            raise refusal(answer, now=now())
        return answer

    def _nonce(self, now: Clock) -> str:
        nonce = self._nonces.take()
        if nonce is not None:
            return nonce
        answer = self._transport.exchange("newNonce", "HEAD", self.resource("newNonce", now))
        if not answer.ok:
            raise refusal(answer, now=now())
        nonce = _nonce_in(answer)
        if nonce is None:
            raise _unusable(answer, "to newNonce brought no nonce", may_have_acted=False)
        return nonce


def _nonce_in(answer: Answer) -> str | None:
    """The answer's nonce; one that is not base64url MUST be ignored (RFC 8555 §6.5.1)."""
    nonce = answer.headers.get("Replay-Nonce", "")
    return nonce if _NONCE.fullmatch(nonce) else None


def refusal(answer: Answer, *, now: datetime) -> CaError:
    """The exception for an answer that is not 2xx. Only a problem document can speak of more than transport."""
    document = answer.json_object() or {}
    typ = clean(document.get("type"), 200)
    link = answer.headers.get("Link")
    problem = read_problem(
        document or {"detail": f"The CA answered with HTTP status {answer.status} and no explanation."},
        status=answer.status,
        terms_of_service=next(iter(links(link, "terms-of-service", base=answer.url)), None),
        help_url=next(iter(links(link, "help", base=answer.url)), None),
        retry_at=retry_at_of_refusal(
            answer.headers.get("Retry-After"),
            status=answer.status,
            rate_limited=typ == ACME_PREFIX + "rateLimited",
            now=now,
        ),
    )
    # A proxy's error page, a gateway's own JSON, a redirect is not the CA's verdict; an empty 404 or 410 is.
    spoken = bool(typ) or answer.content_type == "application/problem+json"
    missing = answer.status in (404, 410) and not answer.body
    if spoken or missing or answer.status in (429, 503):
        return error_for(problem, may_have_acted=answer.status >= 500)
    if not typ:
        problem = replace(problem, typ=LOCAL_PREFIX + "unusableAnswer")
    return TryAgain(problem, may_have_acted=answer.status >= 500)


def _unusable(answer: Answer, fault: str, *, may_have_acted: bool) -> TryAgain:
    return TryAgain(
        Problem(LOCAL_PREFIX + "unusableAnswer", f"The CA's answer {fault}.", answer.status), may_have_acted
    )


def document_of(answer: Answer) -> dict[str, Any]:
    """A 2xx answer's JSON object; raises `TryAgain` if there is none."""
    document = answer.json_object()
    if document is None:
        raise _unusable(answer, "is not a JSON object", may_have_acted=True)
    return document


_clients: dict[tuple[int, str, bytes], Client] = {}
_clients_lock = threading.Lock()


def client_for(directory_url: str, roots_pem: str | None) -> Client:
    """This process's client for the CA. A forked child gets its own: sockets must not be shared."""
    key = (os.getpid(), directory_url, hashlib.sha256((roots_pem or "").encode()).digest())
    with _clients_lock:
        client = _clients.get(key)
        if client is None:
            client = _clients[key] = Client(directory_url, roots_pem)
        return client
