"""Somebody in front of a browser: finds things by the words on them, and does one step of the walk at a time."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import requests
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from runner.installation import Installation
from tests.browser.gallery import Gallery
from tests.browser.settlers import PASSWORD
from tests.browser.watch import Watch

CARD, DECLINED_CARD = "4242 4242 4242 4242", "4000 0000 0000 0002"
_OVERTAKEN = re.compile("ERR_ABORTED|interrupted by another navigation")


class Person:
    """`page` is the window; `see` keeps screenshots of what stands in it."""

    def __init__(self, town: Installation, page: Page, watch: Watch, gallery: Gallery, email: str) -> None:
        self.town, self.page, self.watch, self.gallery, self.email = town, page, watch, gallery, email

    # --- Reading and pressing ---------------------------------------------------------------------------

    def open(self, path: str) -> None:
        """Go there; once more where the page now left loads itself anew in the same moment, which ends our going."""
        try:
            self.page.goto(path)
        except PlaywrightError as error:
            if not _OVERTAKEN.search(error.message):
                raise
            self.page.wait_for_load_state()
            self.page.goto(path)

    def see(self, name: str) -> None:
        self.gallery.look(self.page, name, self.watch)

    def press(self, name: str | re.Pattern[str]) -> None:
        self.page.get_by_role("button", name=name, exact=isinstance(name, str)).click()

    def follow(self, name: str | re.Pattern[str]) -> None:
        self.page.get_by_role("link", name=name, exact=isinstance(name, str)).first.click()

    def fill(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)

    def heading(self, text: str | re.Pattern[str]) -> None:
        """Wait until the page's main heading says this."""
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(text)

    def standing(self, word: str) -> None:
        """Wait, without reloading, until the headline says this word."""
        expect(self.page.locator(".standing-large").first).to_have_text(word, timeout=40_000)

    def text(self) -> Locator:
        return self.page.locator("body")

    # --- The shop ---------------------------------------------------------------------------------------

    def order(self, product: str, *names: str) -> None:
        self.open("/products/")
        self.see("products")
        self.follow(f"Order now {product}")
        self.page.get_by_label(re.compile("^Domain names")).fill("\n".join(names))

    def check_out(self) -> None:
        self.press("Check out")
        self.heading("Order Confirmation")

    def confirm(self) -> None:
        """Fill in purchaser information, accept, and go to the payment page."""
        self.page.get_by_label(re.compile("^Full name")).fill("Anna Archer")
        self.page.get_by_label(re.compile("^Email address")).fill(self.email)
        self.page.get_by_label(re.compile("^Country")).select_option(label="Germany")
        self.page.get_by_label(re.compile("^I have read the agreement")).check()
        self.press("Confirm")
        expect(self.page.get_by_label("Card number")).to_be_visible()

    def pay(self, card: str = CARD) -> None:
        self.fill("Card number", card)
        self.press(re.compile("^Pay (?!later)"))

    def buy(self, product: str, *names: str) -> None:
        """From the products to the first page of the wizard."""
        self.order(product, *names)
        self.check_out()
        self.confirm()
        self.pay()
        self.begin_set_up()

    def begin_set_up(self) -> None:
        self.heading("Payment received")
        self.follow("Set up your certificate")
        self.heading("Step 1 of 4, CSR")

    # --- The wizard -------------------------------------------------------------------------------------

    def choose(self, label: str | re.Pattern[str], within: Locator | None = None) -> None:
        (within or self.page).get_by_role("radio", name=label).check()

    def next(self, heading: str) -> None:
        self.press("Next")
        self.heading(heading)

    def generated_csr(self, key: str = "ECDSA P-256 (recommended)") -> None:
        self.choose(re.compile("^No"))
        self.page.get_by_label(re.compile("^Key type")).select_option(label=key)

    def pasted_csr(self, csr: str) -> None:
        self.choose(re.compile("^Yes"))
        self.page.get_by_label("Your CSR").fill(csr)
        self.press("Verify CSR")

    def contacts(self) -> None:
        admin = self.page.get_by_role("group", name="Site Administrator Contact Information")
        admin.get_by_label(re.compile("^Full name")).fill("Anna Archer")
        admin.get_by_label(re.compile("^Email address")).fill(self.email)
        self.page.get_by_label("Same as administrator").check()
        self.next("Step 3 of 4, Authentication method")

    def method(self, label: str) -> None:
        """Choose the method, for all names if there are several, and finish."""
        groups = self.page.get_by_role("group", name="For all names")
        self.choose(re.compile(f"^{label}"), groups if groups.count() else None)
        self.press("Finish")
        self.heading("Step 4 of 4, Approve")

    # --- The proof --------------------------------------------------------------------------------------

    def publish(self, link: Locator) -> None:
        """Follow the portal's link to the hosting company, publish there what is filled in, and come back."""
        link.click()
        expect(self.page.get_by_role("heading", level=1)).to_contain_text("Publish")
        self.see("panel-publish")
        self.press("Publish")
        expect(self.page.get_by_role("heading", level=1)).to_have_text("It is live")
        self.see("panel-published")
        self.follow("Back to the portal")
        self.page.wait_for_url(re.compile("/certificates/"))

    def check_now(self) -> None:
        """Press the button, unless the portal has seen it by itself meanwhile and gone on."""
        button = self.page.get_by_role("button", name="Check now", exact=True)
        issued = self.page.get_by_role("link", name=re.compile("^Download "))
        expect(button.or_(issued).first).to_be_visible()
        with suppress(PlaywrightTimeout):
            button.click(timeout=2_000)

    def proofs(self) -> Locator:
        return self.page.get_by_role("link", name="Publish it in the pretend hosting panel")

    # --- The certificate --------------------------------------------------------------------------------

    def download(self, format_label: str, folder: Path, *, seen_as: str = "") -> Path:
        """Take a format from the overview, confirming the password where it is asked for."""
        self.page.get_by_role("link", name=f"Download {format_label}", exact=True).click()
        if "reauthenticate" in self.page.url:
            self.reauthenticate()
        if seen_as:
            self.see(seen_as)
        with self.page.expect_download() as coming:
            self.press("Download")
        path = folder / coming.value.suggested_filename
        coming.value.save_as(path)
        return path

    def reauthenticate(self) -> None:
        self.heading("Please confirm that it is you")
        self.see("reauthenticate")
        self.page.get_by_label(re.compile("^Password")).fill(PASSWORD)
        self.press("Confirm")
        expect(self.page).not_to_have_url(re.compile("reauthenticate"))

    def sign_in(self, password: str) -> None:
        self.heading("Sign in")
        self.page.get_by_label(re.compile("^Email")).fill(self.email)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.press("Sign in")
        expect(self.page).not_to_have_url(re.compile("/login/"))

    def install(self, archive: Path) -> None:
        """Upload the nginx files at the hosting company."""
        self.page.get_by_label(re.compile("^The portal's ZIP")).set_input_files(archive)
        self.press("Install certificate")
        expect(self.text()).to_contain_text("Installed")

    # --- Mail -------------------------------------------------------------------------------------------

    def mail(self, about: str) -> str:
        """Open the newest mail to this person in the mailbox, as text; its subject must hold `about`."""
        box = self.town.env["MAILBOX_URL"]
        self.open(f"{box}/?to={self.email}")
        for _attempt in range(40):
            if self.page.get_by_role("link", name=re.compile(about, re.I)).count():
                break
            self.page.wait_for_timeout(250)
            self.page.reload()
        self.page.get_by_role("link", name=re.compile(about, re.I)).first.click()
        return self.page.locator("pre").inner_text()

    def mails(self) -> list[str]:
        """Return the subjects of the mails to this person, newest first."""
        answer = requests.get(
            f"{self.town.env['MAILBOX_URL']}/api/mails", params={"to": self.email}, timeout=10
        )
        return [str(mail["subject"]) for mail in answer.json()["mails"]]
