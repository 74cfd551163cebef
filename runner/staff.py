"""The portal's operator, for a demo whose CA misbehaves: resumes what is paused, and has an order looked at again."""

from __future__ import annotations

import re
import time

from runner.browserless import Customer
from runner.installation import Installation

EMAIL = "admin@portal.example"
PASSWORD = "sandbox-only-password"  # noqa: S105 - printed on the screen of a sandbox that holds nothing real
# Nobody presses the same button more often.
PAUSE = 3.0
_ACCOUNT = re.compile(r'href="(/admin/certificates/caaccount/[0-9a-f-]{36}/change/[^"]*)"')


class Staff:
    """Signs in when first needed; `helped` counts how often that was."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.browser: Customer | None = None
        self.helped = 0
        self._last = float("-inf")

    def help(self, plan_url: str) -> None:
        """Do what the staff's pages offer for this plan. Raises Unexpected where one of them does not answer."""
        if time.monotonic() - self._last < PAUSE:
            return
        browser = self._browser()
        self._resume(browser)
        plan = plan_url.rstrip("/").rsplit("/", 1)[1]
        browser.go(f"{self.installation.portal_url}/staff/plans/{plan}/")
        if browser.has_form("/look-again/"):
            browser.submit("/look-again/", **{"look-reason": "The customer's page names us."})
        self.helped += 1
        self._last = time.monotonic()

    def _resume(self, browser: Customer) -> None:
        browser.go(f"{self.installation.portal_url}/admin/certificates/caaccount/")
        for address in dict.fromkeys(_ACCOUNT.findall(browser.text)):
            browser.go(address)
            if browser.has_form("/resume/"):
                browser.submit("/resume/")

    def _browser(self) -> Customer:
        if self.browser is None:
            self.browser = Customer(self.installation.portal_url)
            self.browser.go("/accounts/login/").submit("", login=EMAIL, password=PASSWORD)
        return self.browser
