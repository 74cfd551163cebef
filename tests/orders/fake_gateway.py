"""A payment gateway under the tests' thumb: speaks enough of Stripe's HTTP to the real SDK, and can misbehave."""

from __future__ import annotations

import itertools
import json
import secrets
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import stripe

SECRET_KEY = "sk_test_sandbox"
WEBHOOK_SECRET = "whsec_sandbox"


class FakeGateway(ThreadingHTTPServer):
    """`calls` counts ("POST /v1/refunds"); `answers` holds statuses to give instead of serving, None: serve.

    `lose_answers`: so many requests are carried out but their answer never arrives.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.run = secrets.token_hex(4)
        self.numbers = itertools.count(1)
        self.calls: Counter[str] = Counter()
        self.sessions: dict[str, dict[str, Any]] = {}
        self.intents: dict[str, dict[str, Any]] = {}
        self.all_refunds: dict[str, dict[str, Any]] = {}
        self.disputes: dict[str, dict[str, Any]] = {}
        self.kept: dict[str, tuple[str, int, dict[str, Any]]] = {}
        self.answers: list[int | None] = []
        self.lose_answers = 0
        self.refund_status = "succeeded"
        self.asked: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def start(self) -> FakeGateway:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def new_id(self, kind: str) -> str:
        return f"{kind}_{self.run}{next(self.numbers)}"

    # --- what people and banks do -------------------------------------------------------------------

    def intent_of(self, session: dict[str, Any], status: str) -> None:
        if session["payment_intent"] is None:
            session["payment_intent"] = self.new_id("pi")
        self.intents[session["payment_intent"]] = {
            "id": session["payment_intent"],
            "object": "payment_intent",
            "status": status,
        }

    def pay(self, session_id: str, **changed: Any) -> None:
        """The customer pays; `changed` falsifies what the gateway will say about it."""
        session = self.sessions[session_id]
        self.intent_of(session, "succeeded")
        session.update({"status": "complete", "payment_status": "paid", "url": None, **changed})

    def begin_delayed(self, session_id: str) -> None:
        session = self.sessions[session_id]
        self.intent_of(session, "processing")
        session.update({"status": "complete", "payment_status": "unpaid", "url": None})

    def delayed_arrives(self, session_id: str) -> None:
        self.intent_of(self.sessions[session_id], "succeeded")
        self.sessions[session_id]["payment_status"] = "paid"

    def delayed_fails(self, session_id: str) -> None:
        self.intent_of(self.sessions[session_id], "requires_payment_method")

    def expire(self, session_id: str) -> None:
        self.sessions[session_id].update({"status": "expired", "url": None})

    def refund_over_there(self, intent_id: str, amount: int, status: str = "succeeded") -> str:
        refund_id = self.new_id("re")
        self.all_refunds[refund_id] = {
            "id": refund_id,
            "object": "refund",
            "amount": amount,
            "currency": "eur",
            "status": status,
            "payment_intent": intent_id,
            "metadata": {},
            "reason": "requested_by_customer",
        }
        return refund_id

    def dispute(self, intent_id: str, status: str = "needs_response") -> str:
        dispute_id = self.new_id("du")
        self.disputes[dispute_id] = {
            "id": dispute_id,
            "object": "dispute",
            "status": status,
            "payment_intent": intent_id,
        }
        return dispute_id

    # --- the API ----------------------------------------------------------------------------------

    def serve(self, method: str, path: str, params: dict[str, str]) -> tuple[int, dict[str, Any]]:
        parts = path.strip("/").split("/")[1:]
        if parts[:2] == ["checkout", "sessions"]:
            return self.serve_session(method, parts[2:], params)
        if parts == ["refunds"] and method == "POST":
            return self.create_refund(params)
        if parts == ["refunds"]:
            return 200, listed(
                [r for r in self.all_refunds.values() if r["payment_intent"] == params["payment_intent"]]
            )
        if parts[:1] == ["disputes"] and parts[1] in self.disputes:
            return 200, self.disputes[parts[1]]
        return missing()

    def serve_session(
        self, method: str, rest: list[str], params: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        if not rest and method == "POST":
            return self.create_session(params)
        if not rest:
            return 200, listed([self.shown(session) for session in reversed(self.sessions.values())])
        session = self.sessions.get(rest[0])
        if session is None:
            return missing()
        if rest[1:] == ["expire"]:
            if session["status"] != "open":
                return 400, {
                    "error": {"type": "invalid_request_error", "message": "Only open sessions expire."}
                }
            self.expire(rest[0])
        return 200, self.shown(session)

    def shown(self, session: dict[str, Any]) -> dict[str, Any]:
        intent = self.intents.get(session["payment_intent"] or "")
        return {**session, "payment_intent": intent}

    def create_session(self, params: dict[str, str]) -> tuple[int, dict[str, Any]]:
        session_id = self.new_id("cs_test")
        total, line = 0, 0
        while f"line_items[{line}][price_data][unit_amount]" in params:
            total += int(params[f"line_items[{line}][price_data][unit_amount]"])
            line += 1
        self.sessions[session_id] = {
            "id": session_id,
            "object": "checkout.session",
            "url": f"{self.url}/pay/{session_id}",
            "status": "open",
            "payment_status": "unpaid",
            "amount_total": total,
            "currency": params["line_items[0][price_data][currency]"],
            "client_reference_id": params["client_reference_id"],
            "metadata": {"order": params["metadata[order]"], "attempt": params["metadata[attempt]"]},
            "livemode": False,
            "expires_at": int(params["expires_at"]),
            "payment_intent": None,
        }
        return 200, self.shown(self.sessions[session_id])

    def create_refund(self, params: dict[str, str]) -> tuple[int, dict[str, Any]]:
        refund_id = self.new_id("re")
        self.all_refunds[refund_id] = {
            "id": refund_id,
            "object": "refund",
            "amount": int(params["amount"]),
            "currency": "eur",
            "status": self.refund_status,
            "payment_intent": params["payment_intent"],
            "metadata": {"refund": params["metadata[refund]"]},
            "reason": None,
        }
        return 200, self.all_refunds[refund_id]


def listed(things: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "data": things, "has_more": False, "url": "/v1"}


def missing() -> tuple[int, dict[str, Any]]:
    return 404, {
        "error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such thing."}
    }


class Handler(BaseHTTPRequestHandler):
    """One request; idempotency keys are honoured as Stripe does."""

    protocol_version = "HTTP/1.1"
    server: FakeGateway

    def do_GET(self) -> None:
        self.handle_call("GET")

    def do_POST(self) -> None:
        self.handle_call("POST")

    def handle_call(self, method: str) -> None:
        fake = self.server
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        params = {
            name: values[-1]
            for name, values in parse_qs(url.query + "&" + body, keep_blank_values=True).items()
        }
        key = self.headers.get("Idempotency-Key", "") if method == "POST" else ""
        with fake.lock:
            fake.calls[f"{method} {url.path}"] += 1
            fake.asked.append(params)
            instead = fake.answers.pop(0) if fake.answers else None
            if instead is not None:
                return self.answer(instead, {"error": {"type": "api_error", "message": "Out of order."}})
            known = fake.kept.get(key) if key else None
            if known and known[0] != body:
                answer: tuple[int, dict[str, Any]] = (
                    400,
                    {"error": {"type": "idempotency_error", "message": "Other parameters."}},
                )
            elif known:
                answer = known[1:]
            else:
                answer = fake.serve(method, url.path, params)
                if key:
                    fake.kept[key] = (body, *answer)
            lost = method == "POST" and fake.lose_answers > 0
            if lost:
                fake.lose_answers -= 1
            document = json.loads(json.dumps(answer[1]))
        if lost:
            self.close_connection = True
            self.connection.close()
            return None
        return self.answer(answer[0], document)

    def answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        # The SDK's own second try would hide from the tests what our code does with a failure.
        if status >= 400:
            self.send_header("Stripe-Should-Retry", "false")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def event(kind: str, thing: dict[str, Any], event_id: str = "evt_1", **more: Any) -> dict[str, Any]:
    return {
        "id": event_id,
        "object": "event",
        "type": kind,
        "livemode": False,
        "data": {"object": thing},
        **more,
    }


def signed(
    document: dict[str, Any], *, secret: str = WEBHOOK_SECRET, at: int | None = None
) -> tuple[str, str]:
    """Return the body and its Stripe-Signature header, made by the SDK."""
    body = json.dumps(document)
    return body, stripe.WebhookSignature.generate_signature_header(body, secret, timestamp=at)
