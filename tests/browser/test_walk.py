"""The walk of a customer, from the shop window to a site that is seen to serve the certificate."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.csr import csr_for
from tests.browser.person import Person
from tests.browser.settlers import PASSWORD


def test_a_stranger_buys_proves_by_dns_and_installs(visits: Visits, tmp_path: Path) -> None:
    person = visits.open(email="newcomer@customers.example")
    person.open("/")
    person.see("home")
    person.page.get_by_role("link", name="Order now", exact=True).click()
    person.order("DV", "www.walk-dns.example")
    expect(person.page.locator("#price")).to_contain_text("1 name")
    person.see("order")
    person.check_out()
    person.see("confirm-stranger")
    person.follow("Create an account")
    sign_up(person)
    person.heading("Order Confirmation")
    person.see("confirm")
    person.confirm()
    person.see("cards-pay")
    person.pay()
    person.heading("Payment received")
    person.see("paid")
    person.begin_set_up()
    person.see("csr")
    person.generated_csr()
    person.next("Step 2 of 4, Contacts")
    person.see("contacts")
    person.contacts()
    person.see("methods")
    person.method("DNS TXT Record")
    expect(person.proofs()).to_have_count(1)
    expect(person.text()).to_contain_text("Nothing there yet.")
    person.see("approve")
    person.publish(person.proofs())
    person.check_now()
    watch_it_being_issued(person)
    person.see("overview-issued")
    archive = person.download("Nginx", tmp_path, seen_as="download-nginx")
    assert any(name.endswith(".key") for name in zipfile.ZipFile(archive).namelist())
    install_and_test(person, archive)
    person.see("overview-secured")
    person.open("/certificates/")
    expect(person.page.locator(".standing").first).to_have_text("Secured")
    person.see("certificates")
    assert any("www.walk-dns.example" in subject for subject in person.mails())


def sign_up(person: Person) -> None:
    """Make an account on the way, confirm the address from the mailbox, and be back where one was."""
    person.heading("Create an account")
    person.see("sign-up")
    person.page.get_by_label(re.compile("^Email")).fill(person.email)
    person.page.get_by_label("Password", exact=True).fill(PASSWORD)
    person.page.get_by_label(re.compile("^Your name")).fill("Nora Newcomer")
    person.press("Create account")
    person.heading("Look into your mail")
    person.see("verification-sent")
    text = person.mail("confirm")
    person.see("mailbox-mail")
    link = re.search(r"https?://\S+/accounts/confirm-email/\S+", text)
    assert link is not None
    person.open(link.group(0))
    person.see("confirm-address")
    person.press("Yes, confirm")


def watch_it_being_issued(person: Person) -> None:
    """The page goes on by itself until it offers the files; nobody reloads it."""
    link = person.page.get_by_role("link", name=re.compile("^Download (Nginx|Certificate|.*cer)")).first
    expect(link).to_be_visible(timeout=40_000)


def install_and_test(person: Person, archive: Path) -> None:
    person.page.get_by_role("link", name="Back to the overview").click()
    overview = person.page.url
    person.standing("Issued, not installed")
    person.press("Test installation")
    expect(person.text()).to_contain_text("Not yet: your site does not serve this certificate everywhere.")
    person.see("overview-not-installed")
    person.follow(re.compile("^Install it there"))
    person.heading(re.compile("walk"))
    person.install(archive)
    person.see("panel-domain")
    person.open(overview)
    person.press("Test installation")
    person.standing("Secured")
    expect(person.text()).to_contain_text("Your site serves this certificate.")


def test_a_csr_of_the_customers_own_is_proven_by_a_file(customer: Person, tmp_path: Path) -> None:
    customer.buy("DV", "walk-http.example")
    customer.pasted_csr(csr_for("walk-http.example"))
    expect(customer.text()).to_contain_text("This CSR is good")
    customer.see("csr-verified")
    customer.next("Step 2 of 4, Contacts")
    customer.contacts()
    customer.method("HTTP")
    expect(customer.proofs()).to_have_count(1)
    customer.see("approve-http")
    customer.publish(customer.proofs())
    customer.check_now()
    watch_it_being_issued(customer)
    expect(customer.text()).to_contain_text("the key is on your server")
    customer.see("overview-own-csr")
    cer = customer.download("Certificate (.cer)", tmp_path, seen_as="download-cer")
    certificate = x509.load_pem_x509_certificate(cer.read_bytes())
    assert certificate.extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    ).value.get_values_for_type(x509.DNSName) == ["walk-http.example"]
    customer.page.get_by_role("link", name="Back to the overview").click()
    p7b = customer.download("PKCS #7 (.p7b)", tmp_path)
    assert len(pkcs7.load_pem_pkcs7_certificates(p7b.read_bytes())) >= 2
    customer.page.get_by_role("link", name="Back to the overview").click()
    have_it_revoked(customer, "walk-http.example")


def have_it_revoked(person: Person, name: str) -> None:
    """The key became known: the certificate goes, and the next one is asked for with another CSR."""
    person.follow("Revoke certificate")
    if "reauthenticate" in person.page.url:
        person.reauthenticate()
    person.see("revoke")
    person.choose(re.compile("^Somebody else may have the private key"))
    typed = person.page.get_by_label("Type the domain name to confirm")
    typed.fill("another.example")
    with person.watch.allowing(422):
        person.press("Revoke certificate")
        expect(person.text()).to_contain_text("This is not the name of the certificate")
    typed.fill(name)
    person.press("Revoke certificate")
    expect(person.page.get_by_role("heading", name="Revoked", exact=True)).to_be_visible(timeout=40_000)
    person.see("revoked")
    person.follow("Bring a new CSR")
    person.see("new-csr")
    person.page.get_by_label("Your new CSR").fill(csr_for(name))
    person.press("Reissue with this CSR")
    person.heading("Step 4 of 4, Approve")
    assert any("was revoked" in subject for subject in person.mails())


def test_a_wildcard_with_an_rsa_key_is_proven_by_dns(customer: Person, tmp_path: Path) -> None:
    customer.buy("Wildcard DV", "*.walk-wild.example", "walk-wild.example")
    customer.generated_csr("RSA 2048")
    customer.next("Step 2 of 4, Contacts")
    customer.contacts()
    expect(customer.text()).to_contain_text("A wildcard is always shown by DNS")
    customer.see("methods-wildcard")
    customer.method("DNS TXT Record")
    publish_all(customer, 2)
    watch_it_being_issued(customer)
    customer.see("overview-wildcard")
    path = customer.download("PFX (.pfx)", tmp_path, seen_as="download-pfx")
    assert path.suffix == ".pfx"
    customer.page.get_by_role("link", name="Back to the overview").click()
    archive = customer.download("Nginx", tmp_path)
    key = next(name for name in zipfile.ZipFile(archive).namelist() if name.endswith(".key"))
    loaded = serialization.load_pem_private_key(zipfile.ZipFile(archive).read(key), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    assert loaded.key_size == 2048
    install_and_test(customer, archive)


def test_a_second_name_has_its_price_and_its_own_proof(customer: Person) -> None:
    customer.order("DV", "walk-two.example")
    total = customer.page.locator("#total .summary-total dd")
    button = customer.page.get_by_role("button", name="Check out")
    at = button.bounding_box()
    expect(customer.page.locator("#price")).to_contain_text("1 name")
    alone = total.inner_text()
    customer.page.get_by_label(re.compile("^Domain names")).fill("walk-two.example\nshop.walk-two.example")
    expect(customer.page.locator("#price")).to_contain_text("2 names")
    expect(total).not_to_have_text(alone)
    assert button.bounding_box() == at, "a button that moves while one presses it is missed"
    dearer = total.inner_text()
    customer.see("order-two-names")
    customer.check_out()
    expect(customer.text()).to_contain_text(dearer)
    customer.confirm()
    expect(customer.page.get_by_role("heading", level=1)).to_have_text(
        re.compile(re.sub(r"\D", ".*", dearer))
    )
    customer.pay()
    customer.begin_set_up()
    customer.see("csr-two-names")
    customer.generated_csr()
    customer.next("Step 2 of 4, Contacts")
    customer.contacts()
    customer.choose(re.compile("^Name by name"))
    customer.see("methods-two-names")
    for name, method in (("walk-two.example", "DNS TXT Record"), ("shop.walk-two.example", "HTTP")):
        customer.choose(re.compile(f"^{method}"), customer.page.get_by_role("group", name=name, exact=True))
    customer.press("Finish")
    customer.heading("Step 4 of 4, Approve")
    expect(customer.proofs()).to_have_count(2)
    customer.publish(customer.proofs().first)
    expect(customer.text()).to_contain_text("This is right.")
    customer.see("approve-one-of-two")
    customer.publish(customer.proofs().last)
    watch_it_being_issued(customer)
    expect(customer.page.get_by_role("list", name="Further names")).to_contain_text("walk-two.example")


def publish_all(person: Person, count: int) -> None:
    """Publish each of the proofs the page asks for."""
    expect(person.proofs()).to_have_count(count)
    for position in range(count):
        person.publish(person.proofs().nth(position))
