"""What a browser complains of while a test goes on: console errors, CSP violations, failed requests, script errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

# Chromium repeats in the console what the response already told.
ECHO = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
# So does htmx with a request that a navigation cut off; a request that failed otherwise has told of itself (`_failed`).
CUT_OFF = re.compile(r"^htmx:(afterRequest|sendAbort),")


class Watch:
    """Collects the complaints of every page of a context; `allowing(404)` is for the pages that are meant to refuse."""

    def __init__(self, context: BrowserContext) -> None:
        self.complaints: list[str] = []
        self.allowed: set[int] = set()
        self.listening = True
        context.on("page", self._follow)
        context.on("console", self._console)
        context.on("response", self._response)
        context.on("requestfailed", self._failed)

    @contextmanager
    def allowing(self, *statuses: int) -> Iterator[None]:
        self.allowed |= set(statuses)
        yield
        # What the browser still has to say about it arrives a moment later: the statuses stay allowed for this test.

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """While a tool of ours works inside the page, what the page's CSP refuses the tool is no fault of the page."""
        self.listening = False
        yield
        self.listening = True

    def _follow(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.complaints.append(f"script error on {page.url}: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "assert"} or not self.listening or CUT_OFF.match(message.text):
            return
        echo = ECHO.search(message.text)
        if echo is None or int(echo.group(1)) not in self.allowed:
            on = message.page.url if message.page else ""
            self.complaints.append(f"console on {on}: {message.text} ({message.location.get('url', '')})")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.allowed:
            self.complaints.append(f"{response.request.method} {response.url} answered {response.status}")

    def _failed(self, request: Request) -> None:
        # A download and a poll that a navigation overtook are aborted by the browser itself.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.method} {request.url} failed: {request.failure}")
