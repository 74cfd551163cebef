"""The wizard when things go wrong, are interrupted, or are taken up again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.csr import csr_for
from tests.browser.person import Person


def private_key() -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(encoding, form, serialization.NoEncryption())
        .decode()
    )


def test_a_private_key_pasted_by_mistake_is_not_shown_again(customer: Person) -> None:
    customer.buy("DV", "key-pasted.example")
    pasted = private_key()
    secret = pasted.splitlines()[1]
    with customer.watch.allowing(422, 400):
        customer.pasted_csr(pasted)
        expect(customer.text()).to_contain_text("A private key was pasted")
        assert secret not in customer.page.content()
        assert secret not in customer.page.get_by_label("Your CSR").input_value()
        customer.see("csr-private-key")
        customer.page.get_by_label("Your CSR").fill(pasted)
        customer.press("Next")
        expect(customer.text()).to_contain_text(re.compile("Please check"))
    assert secret not in customer.page.content()
    customer.open(customer.page.url.replace("verify/", ""))
    assert secret not in customer.page.content()
    customer.page.get_by_label("Your CSR").fill(csr_for("key-pasted.example"))
    customer.next("Step 2 of 4, Contacts")


def test_a_csr_for_other_names_is_refused_beside_the_field(customer: Person) -> None:
    customer.buy("DV", "mine.example")
    with customer.watch.allowing(422, 400):
        customer.pasted_csr(csr_for("mine.example", "somebody-elses.example"))
        expect(customer.text()).to_contain_text("The names do not agree")
        customer.see("csr-other-names")
        expect(customer.text()).to_contain_text("The CSR holds 2 names; this plan was bought for 1 name.")
        customer.press("Next")
        expect(customer.text()).to_contain_text("Please check")
    customer.see("csr-refused")
    # What was typed stays.
    assert "BEGIN CERTIFICATE REQUEST" in customer.page.get_by_label("Your CSR").input_value()
    customer.page.get_by_label("Your CSR").fill(csr_for("mine.example"))
    customer.next("Step 2 of 4, Contacts")


def test_what_is_not_a_csr_is_told_apart(customer: Person) -> None:
    customer.buy("DV", "nonsense.example")
    with customer.watch.allowing(422, 400):
        customer.pasted_csr("-----BEGIN CERTIFICATE REQUEST-----\n<script>alert(1)</script>\n")
        expect(customer.text()).to_contain_text("This CSR cannot be used")


def test_names_that_no_ca_can_issue_for_are_refused_before_payment(visitor: Person) -> None:
    for name, says in (
        ("co.uk", "public ending"),
        ("192.0.2.7", "IP address"),
        ("*.*.example.org", "*"),
        ("exam ple..org", "exam"),
    ):
        visitor.open("/products/dv/order/")
        visitor.page.get_by_label(re.compile("^Domain names")).fill(name)
        with visitor.watch.allowing(422, 400):
            visitor.press("Check out")
            expect(visitor.page.locator(".form-errors")).to_contain_text("Please check")
        expect(visitor.page.locator(".form-errors")).to_contain_text(says, ignore_case=True)
        expect(visitor.page.get_by_label(re.compile("^Domain names"))).to_have_value(name)
    visitor.see("order-refused")


def test_the_wizard_is_left_and_taken_up_again(visits: Visits, customer: Person) -> None:
    customer.buy("DV", "left.example")
    begun = customer.page.url
    customer.choose(re.compile("^No"))
    with customer.page.expect_response(re.compile("/draft/")):
        customer.page.get_by_label(re.compile("^Organization")).fill("Left & Sons")
        customer.page.get_by_label(re.compile("^City")).focus()
    customer.open("/certificates/")
    expect(customer.page.locator(".standing").first).to_have_text("Setup needed")
    customer.see("certificates-setup")
    customer.page.get_by_role("link", name=re.compile("left.example")).first.click()
    customer.see("overview-setup")
    customer.page.locator("#standing").get_by_role("link").first.click()
    customer.heading("Step 1 of 4, CSR")
    assert customer.page.url == begun
    expect(customer.text()).to_contain_text("Here is what you typed last time")
    expect(customer.page.get_by_label(re.compile("^Organization"))).to_have_value("Left & Sons")
    customer.see("csr-draft")
    stranger = visits.open()
    stranger.open(begun)
    stranger.heading("Sign in")


def test_back_and_forward_lose_nothing(customer: Person) -> None:
    customer.buy("DV", "forth.example")
    customer.choose(re.compile("^No"))
    customer.page.get_by_label(re.compile("^City")).fill("Weimar")
    customer.next("Step 2 of 4, Contacts")
    customer.page.go_back()
    customer.heading("Step 1 of 4, CSR")
    customer.page.reload()
    expect(customer.page.get_by_label(re.compile("^City"))).to_have_value("Weimar")
    customer.next("Step 2 of 4, Contacts")
    customer.contacts()
    customer.page.get_by_role("link", name=re.compile("^CSR")).click()
    expect(customer.page.get_by_label(re.compile("^City"))).to_have_value("Weimar")
    customer.page.go_back()
    customer.heading("Step 3 of 4, Authentication method")
    customer.page.get_by_role("link", name=re.compile("^Contacts")).click()
    expect(customer.page.get_by_label(re.compile("^Full name")).first).to_have_value("Anna Archer")
    customer.next("Step 3 of 4, Authentication method")
    customer.method("HTTP")
    expect(customer.proofs()).to_have_count(1)


def test_a_wrong_record_is_told_with_what_is_seen(customer: Person) -> None:
    customer.buy("DV", "wrong.example")
    customer.next("Step 2 of 4, Contacts")
    customer.contacts()
    customer.method("DNS TXT Record")
    expect(customer.proofs()).to_have_count(1)
    approve = customer.page.url
    customer.proofs().click()
    customer.page.get_by_label("Value").fill("a-value-of-somebody-else")
    customer.press("Publish")
    customer.open(approve)
    customer.press("Check now")
    expect(customer.page.locator("code.seen").first).to_contain_text("a-value-of-somebody-else")
    customer.see("approve-wrong-record")
    customer.page.get_by_role("button", name=re.compile("^Use HTTP instead")).click()
    customer.heading("Step 4 of 4, Approve")
    expect(customer.proofs()).to_have_count(1)
    expect(customer.text()).to_contain_text("Put this file on the web server")


def test_a_strangers_plan_does_not_exist(
    visits: Visits, customer: Person, settlers: Iterator[tuple[str, str]]
) -> None:
    customer.buy("DV", "private.example")
    url = customer.page.url
    email, session = next(settlers)
    stranger = visits.open(email=email, session=session)
    with stranger.watch.allowing(404):
        stranger.open(url)
        stranger.heading("There is no such page")
    stranger.see("not-found")


def test_the_wizard_works_without_javascript(visits: Visits, settlers: Iterator[tuple[str, str]]) -> None:
    email, session = next(settlers)
    person = visits.open(email=email, session=session, scripts=False)
    person.buy("DV", "plain.example")
    person.pasted_csr(csr_for("plain.example"))
    expect(person.text()).to_contain_text("This CSR is good")
    person.next("Step 2 of 4, Contacts")
    person.contacts()
    person.method("HTTP")
    # Longer than a test CA that hangs needs to be noticed and started anew: only reloading shows what is new.
    for _attempt in range(120):
        if person.proofs().count():
            break
        person.page.wait_for_timeout(500)
        person.page.reload()
    expect(person.proofs()).to_have_count(1)
    approve = person.page.url
    person.proofs().click()
    person.press("Publish")
    person.open(approve)
    person.check_now()
    expect(person.text()).to_contain_text(re.compile("This is right|looking now|Accepted|Download"))
