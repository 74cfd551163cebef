"""Validate once in the browser: recommended in step 3, set up at the hosting company, and never thought of again."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.browser.person import Person


def card(person: Person, name: str) -> Locator:
    return person.page.get_by_role("region", name=name, exact=True)


def publish(person: Person, name: str, button: str) -> None:
    """Have the way shown, follow it to the panel, publish there, and come back to see it in place."""
    card(person, name).get_by_role("button", name=re.compile(f"^{button}")).click()
    link = card(person, name).get_by_role("link", name="Publish it in the pretend hosting panel")
    expect(link).to_be_visible()
    person.see(f"once-{button.split()[-1]}")
    link.click()
    person.see(f"panel-once-{button.split()[-1]}")
    person.press("Publish")
    expect(person.page.get_by_role("heading", level=1)).to_have_text("It is live")
    person.see(f"panel-once-{button.split()[-1]}-live")
    person.follow("Back to the portal")
    person.heading("Validate once")
    # The page notices by itself.
    expect(card(person, name)).to_contain_text("In place", timeout=40_000)


def test_an_alias_is_set_up_from_step_3_and_the_certificate_comes_by_itself(customer: Person) -> None:
    customer.buy("DV", "once.example", "www.once.example")
    customer.next("Step 2 of 4, Contacts")
    customer.contacts()
    recommended = customer.page.get_by_text("Recommended: validate once")
    methods = customer.page.get_by_role("radio").first
    assert recommended.bounding_box()["y"] < methods.bounding_box()["y"]
    customer.see("methods-once")
    customer.follow("Show me the record")
    customer.heading("Validate once")
    customer.see("once-before")
    publish(customer, "once.example", "Show the record")
    customer.see("once-half")
    publish(customer, "www.once.example", "Show the record")
    expect(customer.text()).to_contain_text("All names prove themselves")
    customer.see("once-in-place")
    customer.follow("Go on with the setup")
    customer.heading("Step 3 of 4, Authentication method")
    customer.choose(re.compile("^DNS TXT Record"), customer.page.get_by_role("group", name="For all names"))
    customer.press("Finish")
    expect(customer.page.get_by_role("link", name=re.compile("^Download ")).first).to_be_visible(
        timeout=60_000
    )
    customer.open(f"{customer.town.env['HOSTING_PANEL_URL']}/domains/once.example")
    expect(customer.text()).to_contain_text("CNAME")
    expect(customer.page.get_by_text("TXT", exact=True).filter(visible=True)).to_have_count(0)
    customer.see("panel-once-domain")


def test_a_redirect_is_set_up_from_step_4(customer: Person) -> None:
    customer.buy("DV", "sent-on.example")
    customer.next("Step 2 of 4, Contacts")
    customer.contacts()
    customer.method("HTTP")
    expect(customer.text()).to_contain_text("Never again?")
    customer.see("approve-once")
    step_4 = customer.page.url
    customer.follow("Validate once")
    publish(customer, "sent-on.example", "Show the line")
    # By now the portal may have gone on by itself, and step 4 leads to the certificate.
    customer.open(step_4)
    expect(customer.page.get_by_role("link", name=re.compile("^Download ")).first).to_be_visible(
        timeout=90_000
    )
