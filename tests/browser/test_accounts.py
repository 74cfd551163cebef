"""People: sign-up, sign-in, a forgotten password, a second step, a passkey."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time

from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.person import Person
from tests.browser.settlers import PASSWORD

NEW_PASSWORD = "another-long-password-8"


def totp(secret: str, at: float) -> str:
    """Return the six digits of RFC 6238 for this Base32 secret at this time."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(at) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    number: int = struct.unpack(">I", digest[start : start + 4])[0]
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06d}"


def sign_out(person: Person) -> None:
    person.page.locator("[data-menu] summary").click()
    person.press("Sign out")
    expect(person.page.get_by_role("link", name="Sign in", exact=True).first).to_be_visible()


def sign_up(person: Person) -> None:
    person.open("/accounts/signup/")
    person.page.get_by_label(re.compile("^Email")).fill(person.email)
    person.page.get_by_label("Password", exact=True).fill(PASSWORD)
    person.press("Create account")
    person.heading("Look into your mail")
    link = re.search(r"/accounts/confirm-email/\S+", person.mail("confirm"))
    assert link is not None
    person.open(link.group(0))
    person.press("Yes, confirm")
    person.heading("My certificates")


def test_an_account_is_made_left_and_entered_again(visits: Visits) -> None:
    person = visits.open(email="ursula@customers.example")
    person.open("/accounts/login/")
    person.see("sign-in")
    sign_up(person)
    person.see("certificates-empty")
    person.open("/orders/")
    person.see("orders-empty")
    sign_out(person)
    person.open("/certificates/")
    person.heading("Sign in")
    person.page.get_by_label(re.compile("^Email")).fill(person.email)
    person.page.get_by_label("Password", exact=True).fill("not-the-password-at-all")
    person.press("Sign in")
    expect(person.page.locator(".tone-bad").first).to_be_visible()
    person.see("sign-in-refused")
    person.sign_in(PASSWORD)
    person.heading("My certificates")


def test_a_forgotten_password_is_replaced_by_mail(customer: Person) -> None:
    customer.page.context.clear_cookies()
    customer.open("/accounts/login/")
    customer.page.get_by_role("link", name=re.compile("Forgot")).first.click()
    customer.heading("Forgot your password?")
    customer.see("password-reset")
    customer.page.get_by_label(re.compile("^Email")).fill(customer.email)
    customer.press("Send the link")
    customer.heading("Look into your mail")
    customer.see("password-reset-sent")
    link = re.search(r"/accounts/password/reset/key/\S+", customer.mail("password"))
    assert link is not None
    customer.open(link.group(0))
    customer.heading("Choose a new password")
    customer.see("password-reset-choose")
    for field in customer.page.locator("input[type=password]").all():
        field.fill(NEW_PASSWORD)
    customer.press("Save the password")
    customer.open("/accounts/login/")
    if "login" in customer.page.url:
        customer.sign_in(NEW_PASSWORD)
    customer.heading("My certificates")


def test_an_authenticator_app_becomes_the_second_step(visits: Visits, customer: Person) -> None:
    customer.open("/accounts/2fa/")
    customer.heading("Two-step sign-in")
    customer.see("two-step")
    customer.page.get_by_role("link", name="Set up").click()
    customer.reauthenticate()
    customer.heading("Set up an authenticator app")
    customer.see("two-step-app")
    secret = customer.page.locator("code[data-copy-text]").first.inner_text().strip()
    customer.page.get_by_label(re.compile("code", re.I)).fill(totp(secret, time.time()))
    customer.press("Switch on")
    customer.heading("Recovery codes")
    customer.see("two-step-recovery-codes")
    customer.open("/accounts/2fa/")
    expect(customer.text()).to_contain_text("Switch off")
    customer.see("two-step-on")
    other = visits.open(email=customer.email)
    other.open("/accounts/login/")
    other.sign_in(PASSWORD)
    other.heading("Second step")
    other.see("two-step-asked")
    # The digits that were just used do not work twice, those of the next half minute do.
    other.page.get_by_label(re.compile("code", re.I)).fill(totp(secret, time.time() + 30))
    other.press("Sign in")
    other.heading("My certificates")


def test_a_passkey_signs_in_without_a_password(visits: Visits, customer: Person) -> None:
    # Browsers bind a passkey to a domain name; an address has none.
    person = visits.open(email=customer.email)
    devtools = person.page.context.new_cdp_session(person.page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    person.open("/accounts/login/")
    person.sign_in(PASSWORD)
    person.heading("My certificates")
    person.open("/accounts/2fa/")
    person.follow("Add a passkey")
    person.heading("Add a passkey or security key")
    person.see("passkey-add")
    person.page.get_by_label(re.compile("^Name of the key")).fill("Laptop")
    person.press("Add")
    person.page.wait_for_url(re.compile("recovery-codes|webauthn/$"))
    person.open("/accounts/2fa/webauthn/")
    expect(person.text()).to_contain_text("Laptop")
    person.see("passkeys")
    sign_out(person)
    person.open("/accounts/login/")
    person.press("Sign in with a passkey")
    person.heading("My certificates")


def test_one_s_own_account_pages(customer: Person) -> None:
    customer.open("/accounts/email/")
    if "reauthenticate" in customer.page.url:
        customer.reauthenticate()
    customer.heading("Email address")
    customer.see("account-email")
    customer.open("/accounts/password/change/")
    if "reauthenticate" in customer.page.url:
        customer.reauthenticate()
    customer.heading("Change your password")
    customer.see("account-password")
    customer.open("/certificates/")
    customer.page.locator("[data-menu] summary").click()
    customer.see("account-menu")
    customer.page.keyboard.press("Escape")
    expect(customer.page.locator(".menu-panel")).to_be_hidden()
