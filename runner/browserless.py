"""A customer without a browser: speaks HTTP to the portal's pages as they are, forms, tokens, redirects and all."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests


class Unexpected(Exception):
    """A page was not what a customer would expect; the message says which and what it showed."""


class _Forms(HTMLParser):
    """Collects each form of a page: its action, method and the values it would send."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.select = ""
        self.textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(
                {
                    "action": a.get("action", ""),
                    "method": a.get("method", "get").lower(),
                    "values": {},
                    "boxes": [],
                }
            )
        elif self.forms:
            self._control(tag, a)

    def _control(self, tag: str, a: dict[str, str]) -> None:
        values, name = self.forms[-1]["values"], a.get("name", "")
        if tag == "input" and name and a.get("type", "text") not in {"submit", "button", "file"}:
            box = a.get("type") in {"radio", "checkbox"}
            if box:
                self.forms[-1]["boxes"].append((name, a.get("value", "on")))
            if not box or "checked" in a:
                values[name] = a.get("value", "on" if box else "")
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and ("selected" in a or self.select not in values):
            values[self.select] = a.get("value", "")
        elif tag == "textarea":
            self.textarea = name
            values[name] = ""

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.forms[-1]["values"][self.textarea] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self.select = ""
        elif tag == "textarea":
            self.textarea = ""


class Customer:
    """Keeps cookies and the page last seen."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.http = requests.Session()
        self.page: requests.Response | None = None

    @property
    def url(self) -> str:
        return self.page.url if self.page is not None else self.base

    @property
    def text(self) -> str:
        return html.unescape(self.page.text) if self.page is not None else ""

    def go(self, url: str) -> Customer:
        """Open a page. Raises Unexpected unless it answers 200."""
        self.page = self.http.get(urljoin(self.url, url), timeout=30)
        return self._seen()

    def submit(self, action: str, **values: str) -> Customer:
        """Fill in and send the form whose action contains `action` ("" is the page's own). Raises Unexpected."""
        form = self._form(action, set(values))
        data = {**form["values"], **values}
        target = urljoin(self.url, form["action"] or self.url)
        headers = {"Referer": self.url}
        if form["method"] == "post":
            self.page = self.http.post(target, data=data, headers=headers, timeout=60)
        else:
            self.page = self.http.get(target, params=data, headers=headers, timeout=30)
        return self._seen()

    def boxes(self, value: str) -> dict[str, str]:
        """Return every radio or checkbox of the page that stands for `value`, as ticked."""
        return {name: value for form in self._forms() for name, given in form["boxes"] if given == value}

    def has_form(self, action: str) -> bool:
        return any(action in form["action"] for form in self._forms())

    def link(self, part: str) -> str:
        """Return the first link of the page whose address contains `part`. Raises Unexpected."""
        for address in re.findall(r'href="([^"]+)"', self.page.text if self.page is not None else ""):
            if part in address:
                return urljoin(self.url, html.unescape(address))
        raise Unexpected(f"no link with {part!r} on {self.url}")

    def _forms(self) -> list[dict[str, Any]]:
        parser = _Forms()
        parser.feed(self.page.text if self.page is not None else "")
        return parser.forms

    def _form(self, action: str, names: set[str]) -> dict[str, Any]:
        posts = [form for form in self._forms() if form["method"] == "post"]
        here = {"", urlsplit(self.url).path, self.url}
        forms = [form for form in posts if (action in form["action"] if action else form["action"] in here)]
        known = [form for form in forms if names & set(form["values"])] or forms
        if not known:
            raise Unexpected(f"no form {action!r} on {self.url}:\n{self.summary()}")
        return known[0]

    def _seen(self) -> Customer:
        if self.page is None or self.page.status_code != 200:
            status = self.page.status_code if self.page is not None else 0
            raise Unexpected(f"{self.url} answered {status}:\n{self.summary()}")
        return self

    def summary(self) -> str:
        """Return the readable words of the page, shortened, for a message."""
        words = re.sub(
            r"<(script|style|svg)[^>]*>.*?</\1>|<[^>]+>",
            " ",
            self.page.text if self.page is not None else "",
            flags=re.S,
        )
        return " ".join(html.unescape(words).split())[:1500]


def wait_for(ready: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """Return the first true value of `ready()`. Raises Unexpected after `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = ready()
        if value:
            return value
        time.sleep(0.1)
    raise Unexpected(f"{what} did not happen within {seconds:.0f} seconds")
