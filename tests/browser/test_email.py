"""Email in all three modes, seen by the buyer, by the domain's owner and by whoever publishes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import requests
from playwright.sync_api import expect

from runner.installation import ROOT
from tests.browser.conftest import Visits
from tests.browser.person import Person
from tests.contracts.ca import running_acme2certifier


def mailed(person: Person, to: str, pattern: str) -> str:
    """Return the link in the newest mail to this address."""
    for _attempt in range(80):
        box = person.town.env["MAILBOX_URL"]
        mails = requests.get(f"{box}/api/mails", params={"to": to}, timeout=10).json()["mails"]
        for mail in mails:
            one = requests.get(f"{box}/api/mails/{mail['id']}", timeout=10).text
            found = re.search(pattern, one.replace("\\n", "\n"))
            if found:
                return found.group(0)
        person.page.wait_for_timeout(250)
    raise AssertionError(f"no mail to {to}")


def choose_email(person: Person, address: str) -> None:
    group = person.page.get_by_role("group", name="For all names")
    person.choose(re.compile("^Email"), group if group.count() else None)
    # The addresses are looked up once their place comes into sight.
    person.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    select = person.page.get_by_label(re.compile("^Who approves for"))
    expect(select).to_be_visible()
    select.select_option(label=address)


def test_assisted_the_owner_approves_and_publishes_the_one_record(visits: Visits, customer: Person) -> None:
    customer.buy("DV", "www.mailed.example", "mailed.example")
    customer.next("Step 2 of 4, Contacts")
    customer.contacts()
    choose_email(customer, "hostmaster@mailed.example")
    customer.see("methods-email")
    customer.press("Finish")
    customer.heading("Step 4 of 4, Approve")
    expect(customer.text()).to_contain_text("We have asked hostmaster@mailed.example by mail")
    expect(customer.text()).to_contain_text("_acme-challenge")
    customer.see("approve-email")
    step_4 = customer.page.url
    customer.press("Send this to whoever runs your DNS")
    expect(customer.text()).to_contain_text("Withdraw the link")
    handed = customer.page.locator("#hand-off-card code").inner_text()
    customer.see("approve-hand-off")

    owner = visits.open(email="hostmaster@mailed.example")
    owner.open(mailed(owner, "hostmaster@mailed.example", r"https?://\S+/approval/\w+/"))
    expect(owner.text()).to_contain_text("May this person have a certificate for mailed.example?")
    expect(owner.text()).to_contain_text(customer.email)
    owner.see("approval")
    owner.press("Approve")
    owner.heading("What to publish")
    expect(owner.proofs()).to_have_count(2)
    owner.see("hand-off")
    for link in (owner.proofs().first, owner.proofs().last):
        link.click()
        owner.press("Publish")
        owner.follow("Back to the portal")
        owner.page.wait_for_url(re.compile("/publish/"))

    colleague = visits.open()
    colleague.open(handed)
    expect(colleague.page.get_by_role("heading", level=1)).to_have_text(
        re.compile("What to publish|The certificate is issued")
    )
    customer.open(step_4)
    expect(customer.page.get_by_role("link", name=re.compile("^Download ")).first).to_be_visible(
        timeout=60_000
    )
    # Both pages have noticed by themselves.
    for reader in (colleague, owner):
        reader.heading("The certificate is issued")
    colleague.see("hand-off-over")


def test_a_no_ends_it_and_the_buyer_reads_so(visits: Visits, customer: Person) -> None:
    customer.buy("DV", "refused.example")
    customer.next("Step 2 of 4, Contacts")
    customer.contacts()
    choose_email(customer, "admin@refused.example")
    customer.press("Finish")
    customer.heading("Step 4 of 4, Approve")
    owner = visits.open(email="admin@refused.example")
    owner.open(mailed(owner, "admin@refused.example", r"https?://\S+/approval/\w+/"))
    owner.press("I know nothing of this: report it")
    owner.heading("You have reported this")
    owner.see("approval-reported")
    expect(customer.text()).to_contain_text("says they know nothing of this request")
    customer.see("approve-email-reported")
    customer.page.get_by_role("link", name=re.compile("^Ask somebody else")).click()
    expect(customer.page.get_by_label(re.compile("^Who approves for"))).to_be_visible()
    customer.see("approver")


def test_without_javascript_the_addresses_come_with_finish(
    visits: Visits, settlers: Iterator[tuple[str, str]]
) -> None:
    email, session = next(settlers)
    person = visits.open(email=email, session=session, scripts=False)
    person.buy("DV", "unscripted.example")
    person.next("Step 2 of 4, Contacts")
    person.contacts()
    person.choose(re.compile("^Email"))
    with person.watch.allowing(422):
        person.press("Finish")
        expect(person.text()).to_contain_text("Choose who is asked to approve.")
    person.page.get_by_label(re.compile("^Who approves for")).select_option(
        label="webmaster@unscripted.example"
    )
    person.press("Finish")
    person.heading("Step 4 of 4, Approve")


def test_prevalidated_needs_the_approval_and_nothing_else_and_off_says_why(
    visits: Visits, customer: Person, tmp_path: Path
) -> None:
    with running_acme2certifier(tmp_path, prevalidated=["known.example"]) as ca:
        roots = tmp_path / "roots.pem"
        roots.write_text(ca.roots_pem, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "tests.browser.emailing", customer.email, ca.directory_url, str(roots)],
            env=customer.town.env, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        plans = json.loads(done.stdout)
        set_up(customer, plans["off"])
        email = customer.page.get_by_role("radio", name=re.compile("^Email"))
        expect(email).to_be_disabled()
        expect(customer.text()).to_contain_text("takes no approval by email")
        customer.see("methods-email-off")
        set_up(customer, plans["prevalidated"])
        choose_email(customer, "postmaster@known.example")
        customer.press("Finish")
        customer.heading("Step 4 of 4, Approve")
        expect(customer.text()).to_contain_text("We have asked postmaster@known.example by mail")
        expect(customer.text()).to_contain_text("nothing has to be published")
        customer.see("approve-email-prevalidated")
        owner = visits.open(email="postmaster@known.example")
        owner.open(mailed(owner, "postmaster@known.example", r"https?://\S+/approval/\w+/"))
        owner.press("Approve")
        owner.heading("You have approved")
        owner.see("approval-given")
        expect(customer.page.get_by_role("link", name=re.compile("^Download ")).first).to_be_visible(
            timeout=60_000
        )


def set_up(person: Person, plan: str) -> None:
    """Steps 1 and 2 of this plan."""
    person.open(f"/certificates/{plan}/activation/")
    person.heading("Step 1 of 4, CSR")
    person.next("Step 2 of 4, Contacts")
    person.contacts()
