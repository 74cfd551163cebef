"""The one place from which requests to a CA leave: time limits, size limits, TLS, and a log line each."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import BaseHTTPResponse, HTTPHeaderDict, PoolManager, Timeout
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from certificates.connectors.problems import LOCAL_PREFIX, OperatorMustAct, Problem, TryAgain, clean
from certificates.connectors.rfc8555.headers import https_url
from outbound import call

USER_AGENT = "Chancery/0.1"
CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
# A read timeout starts anew with each byte; this one does not.
BODY_SECONDS = 30.0
BODY_LIMIT = 1024 * 1024
_CHUNK = 64 * 1024
_POOL_SIZE = 16
_HEADERS = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Accept-Language": "en"}


@dataclass(frozen=True)
class Answer:
    """A complete HTTP answer; `url` is what was asked."""

    status: int
    headers: HTTPHeaderDict
    body: bytes
    url: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def content_type(self) -> str:
        return str(self.headers.get("Content-Type", "")).partition(";")[0].strip().lower()

    def json_object(self) -> dict[str, Any] | None:
        """The body as a JSON object, None if it is anything else."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


class Transport:
    """A kept-alive HTTPS session with one CA, shared by the threads of one process."""

    def __init__(self, roots_pem: str | None) -> None:
        """Raises `OperatorMustAct` if `roots_pem` holds no certificate."""
        context = ssl.create_default_context()
        context.load_verify_locations(cafile=DEFAULT_CA_BUNDLE_PATH)
        if roots_pem:
            try:
                context.load_verify_locations(cadata=roots_pem)
            except (ssl.SSLError, ValueError, TypeError) as error:
                raise OperatorMustAct(
                    Problem(
                        LOCAL_PREFIX + "configuration",
                        "The CA's extra trust anchors are not PEM certificates.",
                    )
                ) from error
        # Not by a session of requests, which looks each time for parameters, cookies, credentials, proxies and a bundle of
        # the environment: only what is said here counts, and each request costs less.
        self._pool = PoolManager(
            num_pools=4, maxsize=_POOL_SIZE, retries=False, ssl_context=context, cert_reqs="CERT_REQUIRED"
        )

    def exchange(
        self,
        verb: str,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and read the whole answer, whatever its status. `verb` says what for, in RFC 8555's words.

        Raises `OperatorMustAct` for an URL that is not https, `TryAgain` when there is no complete answer
        of at most 1 MiB; its `may_have_acted` is false only if the request certainly never left.
        """
        if https_url(url) is None:
            raise OperatorMustAct(
                Problem(
                    LOCAL_PREFIX + "configuration",
                    f"A CA is only spoken to over https, not at {clean(url, 200)}",
                )
            )
        with call("ca", verb, urlsplit(url).hostname or "") as this:
            try:
                answer = self._send(method, url, body, headers or {})
            except (HTTPError, OSError) as error:
                this.outcome = "no answer"
                raise _no_answer(error) from error
            this.outcome = str(answer.status)
            return answer

    def _send(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        response = self._pool.urlopen(
            method, url, body=body, headers={**_HEADERS, **headers}, timeout=Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            redirect=False, preload_content=False, decode_content=False,
        )  # fmt: skip
        try:
            content = _read_capped(response)
            if method != "HEAD":
                _require_whole(response, len(content))
            return Answer(response.status, response.headers, content, url)
        finally:
            # One that was read to its end has gone back to the pool already.
            response.close()


def _read_capped(response: BaseHTTPResponse) -> bytes:
    """The body, as sent; raises `TryAgain` past 1 MiB or 30 seconds, and lets the connection go then."""
    deadline = time.monotonic() + BODY_SECONDS
    parts: list[bytes] = []
    size = 0
    while chunk := response.read1(_CHUNK):
        parts.append(chunk)
        size += len(chunk)
        if size > BODY_LIMIT or time.monotonic() > deadline:
            fault = "is larger than 1 MiB" if size > BODY_LIMIT else "takes longer than 30 seconds"
            raise TryAgain(
                Problem(LOCAL_PREFIX + "unusableAnswer", f"The CA's answer {fault}.", response.status),
                may_have_acted=True,
            )
    return b"".join(parts)


def _require_whole(response: BaseHTTPResponse, size: int) -> None:
    expected = response.headers.get("Content-Length", "")
    if expected.isdecimal() and size < int(expected):
        raise ProtocolError("the connection ended in the middle of the answer")


def _no_answer(error: Exception) -> TryAgain:
    """The `TryAgain` for a failed exchange, telling a request that never left from one that may have arrived."""
    cause = error.args[0] if error.args else None
    never_left = True
    if isinstance(error, SSLError) and isinstance(cause, ssl.SSLCertVerificationError):
        what = "The CA's TLS certificate is not trusted"
    elif isinstance(error, ConnectTimeoutError):
        what = "The CA could not be reached in time"
    elif isinstance(error, NewConnectionError):
        what = "The CA could not be reached"
    else:
        never_left = False
        timed_out = isinstance(error, ReadTimeoutError | TimeoutError)
        what = "The CA did not answer in time" if timed_out else "The connection to the CA broke"
    detail = f"{what}: {clean(str(error), 300)}"
    return TryAgain(Problem(LOCAL_PREFIX + "transport", detail), may_have_acted=not never_left)
