"""Events: what happened, as Stripe tells it, and the webhooks that carry it to the portal."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import httpx

from sandbox.cards.book import Body, Book, Delivery, new_id

log = logging.getLogger(__name__)

# The version that the SDK pinned in requirements speaks; events are rendered in it.
API_VERSION = "2026-10-28.endive"
# Seconds after each failed attempt; the last one repeats.
BACK_OFF = (1, 2, 5, 10, 30, 30, 60, 120, 300, 600, 1800, 3600)
GIVE_UP_AFTER = 3 * 24 * 3600
LATE_SECONDS = 5.0
DELIVERY_MODES = ("now", "never", "twice", "late")
ANSWER_WITHIN = 10.0


@dataclass(frozen=True)
class Cause:
    """Why an event happened, and how its webhook is to be delivered."""

    request: str | None = None
    key: str | None = None
    webhook: str = "now"
    late: float = LATE_SECONDS


def record(book: Book, kind: str, subject: Body, cause: Cause, now: float) -> Body:
    """Keep an event about `subject` as it is now, and the deliveries its cause wants."""
    event: Body = {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": int(now),
        "data": {"object": subject},
        "livemode": False,
        "pending_webhooks": 0 if cause.webhook == "never" else 1,
        "request": {"id": cause.request, "idempotency_key": cause.key},
        "type": kind,
    }
    book.add(event)
    if cause.webhook != "never":
        due_at = now + cause.late if cause.webhook == "late" else now
        for _ in range(2 if cause.webhook == "twice" else 1):
            book.add_delivery(event["id"], due_at)
    return event


def signature(payload: bytes, secret: str, now: int) -> str:
    """The Stripe-Signature header: HMAC-SHA256 over `timestamp.body`."""
    signed = f"{now}.".encode() + payload
    return f"t={now},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


class Courier:
    """Sends due deliveries until the portal answers 2xx."""

    def __init__(self, book: Book, url: str, secret: str, clock: Callable[[], float] = time.time) -> None:
        self.book = book
        self.url = url
        self.secret = secret
        self.clock = clock
        self.client = httpx.AsyncClient(timeout=ANSWER_WITHIN, trust_env=False)
        self.under_way: set[int] = set()

    async def close(self) -> None:
        """Let go of the connections."""
        await self.client.aclose()

    def dispatch(self, tasks: set[asyncio.Task[None]]) -> None:
        """Start sending what is due; each delivery is sent by one task at a time."""
        for delivery in self.book.deliveries("WHERE due_at <= ?", (self.clock(),)):
            if delivery.seq not in self.under_way:
                self.under_way.add(delivery.seq)
                task = asyncio.create_task(self.send(delivery))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

    async def send(self, delivery: Delivery) -> None:
        """One attempt."""
        try:
            event = self.book.get(delivery.event)
            answer, delivered = await self.post(event) if event is not None else ("event is gone", True)
            self.note(delivery, answer, delivered)
        finally:
            self.under_way.discard(delivery.seq)

    async def post(self, event: Body) -> tuple[str, bool]:
        """POST an event; what came of it, and whether that was a 2xx."""
        payload = json.dumps(event, indent=2).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(payload, self.secret, int(self.clock())),
            "User-Agent": "Stripe/1.0 (sandbox)",
        }
        try:
            answer = await self.client.post(self.url, content=payload, headers=headers)
        except httpx.HTTPError as error:
            return type(error).__name__, False
        return str(answer.status_code), answer.is_success

    def note(self, delivery: Delivery, answer: str, delivered: bool) -> None:
        """Keep how an attempt went, and when the next one is."""
        now = self.clock()
        attempts = delivery.attempts + 1
        due_at: float | None = None
        if not delivered:
            due_at = now + BACK_OFF[min(attempts, len(BACK_OFF)) - 1]
            event = self.book.get(delivery.event)
            if event is not None and due_at > event["created"] + GIVE_UP_AFTER:
                due_at = None
        changed = replace(delivery, due_at=due_at, attempts=attempts, answer=answer, delivered=delivered)
        with self.book.writing():
            self.book.note_delivery(changed)
            event = self.book.get(delivery.event)
            if delivered and event is not None:
                self.book.update({**event, "pending_webhooks": 0})
