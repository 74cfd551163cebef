"""What a CA that misbehaves answers. Each function makes one misdeed, to be put into a rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from sandbox.faults.exchange import Ca, Cut, Reply, Request, problem
from sandbox.faults.plan import Misdeed

RetryAfter = Literal["seconds", "date", ""]

PAGE = b"""<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>
<body><h1>502 Bad Gateway</h1><p>The upstream &lt;server&gt; is not available.</p></body></html>"""
ODD_CHALLENGES: list[Any] = [
    {
        "type": "moon-phase-02",
        "url": "https://ca.invalid/chall/1",
        "status": "waxing",
        "phase": {"of": "moon"},
    },
    {"type": "dns-99", "status": "pending", "token": 7},
    "not even an object",
]


def bad_nonce(request: Request, ca: Ca) -> Reply:
    """RFC 8555 §6.5: refused for its nonce, with a fresh one to try again with."""
    return problem(ca, "badNonce", 400, "The nonce is not known here.")


def later(status: int, retry_after: RetryAfter, seconds: int) -> Misdeed:
    """429 (a rate limit) or 503, to come back after `seconds`, said as a number, as an HTTP-date, or not at all."""

    def misdeed(request: Request, ca: Ca) -> Reply:
        headers = {}
        if retry_after:
            moment = datetime.now(UTC) + timedelta(seconds=seconds)
            headers["Retry-After"] = (
                str(seconds) if retry_after == "seconds" else format_datetime(moment, usegmt=True)
            )
        if status == 429:
            return problem(ca, "rateLimited", 429, "Too many requests of this kind lately.", headers=headers)
        return problem(ca, "serverInternal", status, "Closed for maintenance.", headers=headers)

    return misdeed


def page(status: int) -> Misdeed:
    """An HTML page, as a load balancer or a captive portal sends it, in place of the CA's answer."""

    def misdeed(request: Request, ca: Ca) -> Reply:
        return Reply(status, {"Content-Type": "text/html; charset=utf-8"}, PAGE)

    return misdeed


def lost(cut: Cut) -> Misdeed:
    """The CA does what was asked, and the connection is reset before or amid its answer."""

    def misdeed(request: Request, ca: Ca) -> Reply:
        return replace(ca.ask(request), cut=cut)

    return misdeed


def slow(seconds: float) -> Misdeed:
    """The CA does what was asked, and says so after everybody has stopped listening."""

    def misdeed(request: Request, ca: Ca) -> Reply:
        return replace(ca.ask(request), seconds=seconds)

    return misdeed


def refusal(typ: str, status: int, detail: str, **rest: Any) -> Misdeed:
    """A problem document in place of an answer."""

    def misdeed(request: Request, ca: Ca) -> Reply:
        return problem(ca, typ, status, detail, **rest)

    return misdeed


def already_replaced(request: Request, ca: Ca) -> Reply:
    """RFC 9773 §7.4: only a request that names a predecessor can be refused for it."""
    if not request.payload.get("replaces"):
        return ca.ask(request)
    return problem(ca, "alreadyReplaced", 409, "That certificate has been replaced already.")


def processing(request: Request, ca: Ca) -> Reply:
    """The certificate is made, but the order goes on saying that it is not."""
    reply = ca.ask(request)
    if reply.document.get("status") not in {"valid", "processing"}:
        return reply
    return reply.saying(status="processing", certificate=None).with_header("Retry-After", "1")


def ended(status: str) -> Misdeed:
    """An authorization that ended without an error, and the order with it, as each of its URLs tells."""

    def misdeed(request: Request, ca: Ca) -> Reply:
        if request.kind == "challenge":
            return problem(ca, "malformed", 400, f"The authorization is {status}.")
        if request.kind == "finalize":
            return problem(ca, "orderNotReady", 403, "The order is invalid.")
        reply = ca.ask(request)
        if request.kind == "order":
            return reply.saying(status="invalid", error=None, certificate=None)
        return reply.saying(status=status, challenges=_without_errors(reply, status))

    return misdeed


def _without_errors(reply: Reply, status: str) -> list[dict[str, Any]]:
    state = "invalid" if status == "invalid" else "pending"
    challenges = reply.document.get("challenges") or []
    told = {"error", "validated"}
    return [
        {**{name: value for name, value in challenge.items() if name not in told}, "status": state}
        for challenge in challenges
    ]


def failed(error: dict[str, Any]) -> Misdeed:
    """The CA looked, and found `error` (a problem document) at every challenge that was answered."""

    def misdeed(request: Request, ca: Ca) -> Reply:
        reply = ca.ask(request)
        if request.kind == "order":
            return reply.saying(status="invalid", error=error, certificate=None)
        challenges = reply.document.get("challenges") or []
        answered = [one for one in challenges if one.get("status") in {"valid", "processing", "invalid"}]
        marked = [
            {**one, "status": "invalid", "error": error} if one in (answered or challenges[:1]) else one
            for one in challenges
        ]
        return reply.saying(status="invalid", challenges=marked)

    return misdeed


def odd_challenges(request: Request, ca: Ca) -> Reply:
    """Challenges of types, states and shapes that nobody knows, before those that everybody does."""
    reply = ca.ask(request)
    return reply.saying(challenges=[*ODD_CHALLENGES, *(reply.document.get("challenges") or [])])


def odd_status(request: Request, ca: Ca) -> Reply:
    """A status that no RFC knows."""
    reply = ca.ask(request)
    return reply.saying(status="pondering") if reply.status < 300 and reply.document else reply


def forgetful(request: Request, ca: Ca) -> Reply:
    """The CA starts anew in the middle of this request, and knows nothing any more."""
    ca.restart()
    return Reply(500, cut="before")


def same_order(request: Request, ca: Ca) -> Reply:
    """Some CAs answer a second newOrder for the same names with the order that is pending already.

    The first answer is lost on its way, so that there is a second newOrder.
    """
    known = _pending(request, ca)
    if known is not None:
        return known
    return replace(_remember(request, ca), cut="before")


def same_order_for_all(request: Request, ca: Ca) -> Reply:
    """As `same_order`, whoever asks, and nothing is lost."""
    return _pending(request, ca) or _remember(request, ca)


def _pending(request: Request, ca: Ca) -> Reply | None:
    """The answer that told of a pending order for the same names."""
    for names, reply in list(ca.memory.values()):
        if names == request.payload.get("identifiers"):
            again: Reply = reply.with_header("Replay-Nonce", ca.nonce())
            return again
    return None


def _remember(request: Request, ca: Ca) -> Reply:
    reply = ca.ask(request)
    if reply.status == 201:
        ca.memory[order_path(reply)] = (request.payload.get("identifiers"), reply)
    return reply


def order_path(reply: Reply) -> str:
    """The path of the order that newOrder has made."""
    return urlsplit(
        next((value for name, value in reply.headers.items() if name.lower() == "location"), "")
    ).path
