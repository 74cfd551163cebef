"""The card processor alone, on a free port in a thread, with a place that receives its webhooks."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from sandbox.cards.hosted import Hosted
from sandbox.cards.processor import Processor
from sandbox.pages import Pages
from sandbox.server import WebServer

SECRET_KEY = "sk_test_sandbox"
WEBHOOK_SECRET = "whsec_sandbox"


class Receiver(ThreadingHTTPServer):
    """Stands where the portal's webhook is; answers with the next of `answers`, then 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.got: list[tuple[bytes, str]] = []
        self.answers: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/webhooks/stripe/"


class Hook(BaseHTTPRequestHandler):
    """Keeps the raw body and the signature header."""

    def do_POST(self) -> None:
        server: Receiver = self.server  # type: ignore[assignment]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.got.append((body, self.headers["Stripe-Signature"]))
        self.send_response(server.answers.pop(0) if server.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class Till:
    """A running card processor; `ahead` moves its clock forward by so many seconds."""

    def __init__(self, path: Path, receiver: Receiver) -> None:
        self.path = path
        self.receiver = receiver
        self.ahead = 0.0
        self.url = ""
        self.loop = asyncio.new_event_loop()
        self.over = asyncio.Event()
        self.up = threading.Event()
        self.thread = threading.Thread(target=lambda: self.loop.run_until_complete(self.run()), daemon=True)

    async def run(self) -> None:
        bound = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        processor = Processor(
            self.path,
            self.url,
            SECRET_KEY,
            self.receiver.url,
            WEBHOOK_SECRET,
            "Example Hosting",
            clock=lambda: time.time() + self.ahead,
        )
        server = WebServer(Hosted(processor, Pages("Cards")).app(), bound)
        await processor.start()
        await server.start()
        self.up.set()
        await self.over.wait()
        await server.stop()
        await processor.stop()

    def start(self) -> Till:
        self.thread.start()
        assert self.up.wait(10)
        return self

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(10)
        self.loop.close()

    def pay(self, session_id: str, outcome: str = "paid", **more: object) -> httpx.Response:
        """A move on the hosted page, by the control interface."""
        return httpx.post(f"{self.url}/control/pay/{session_id}", json={"outcome": outcome, **more})

    def state(self) -> dict[str, list[dict[str, Any]]]:
        """All that the processor knows."""
        return httpx.get(f"{self.url}/control/state").json()


@contextmanager
def running_till(path: Path) -> Iterator[Till]:
    """A card processor whose state is at `path`."""
    receiver = Receiver()
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    till = Till(path, receiver).start()
    try:
        yield till
    finally:
        till.stop()
        receiver.shutdown()
        receiver.server_close()


def wait_until(true: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something that happens elsewhere."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
