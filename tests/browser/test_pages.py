"""The pages that need no story, and what holds for all: keyboard, skip link, focus that can be seen."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from portal.guides import GUIDES
from tests.browser.person import Person


@pytest.mark.parametrize("slug", ["", *(guide.slug for guide in GUIDES)])
def test_a_guide_can_be_read(visitor: Person, slug: str) -> None:
    visitor.open(f"/guides/{slug}/" if slug else "/guides/")
    visitor.see(f"guide-{slug}" if slug else "guides")


def test_the_style_guide_shows_every_part(visitor: Person) -> None:
    visitor.open("/styleguide/")
    visitor.see("style-guide")


def test_a_page_that_is_not_there_says_so(visitor: Person) -> None:
    with visitor.watch.allowing(404):
        visitor.open("/no/such/page/")
    visitor.heading("There is no such page")
    visitor.see("not-found-stranger")


def test_the_sandbox_s_own_pages(visitor: Person) -> None:
    for name, page in (
        ("HOSTING_PANEL_URL", "panel"),
        ("MAILBOX_URL", "mailbox"),
        ("STRIPE_API_BASE", "cards"),
    ):
        visitor.open(visitor.town.env[name])
        visitor.see(page)


FOCUS = """() => {
  const seen = e => { const s = getComputedStyle(e)
    return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none' }
  const e = document.activeElement, label = e.closest('label')
  return {words: (e.innerText || e.value || e.getAttribute('aria-label') || '').trim(), tag: e.tagName,
          seen: seen(e) || label !== null && seen(label)}
}"""


def tab_to(page: Page, words: str, most: int = 40) -> int:
    """Press Tab until the focus is on this; every stop must be visible. Return how many presses it took."""
    for presses in range(1, most + 1):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        assert focus["seen"], f"no visible focus on {focus}"
        if re.match(words, focus["words"]):
            return presses
    raise AssertionError(f"{words!r} was not reached with {most} presses of Tab")


def test_the_keyboard_reaches_what_matters(visitor: Person) -> None:
    page = visitor.page
    visitor.open("/")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUS)["words"] == "Skip to the content"
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    assert tab_to(page, "Order now") == 1
    visitor.open("/products/dv/order/")
    tab_to(page, "Check out")
    visitor.open("/accounts/login/")
    tab_to(page, "Sign in with a passkey")


def test_a_whole_order_is_made_with_the_keyboard(visitor: Person) -> None:
    page = visitor.page
    visitor.open("/products/dv/order/")
    page.get_by_label(re.compile("^Domain names")).focus()
    page.keyboard.type("keyboard.example")
    tab_to(page, "Check out")
    page.keyboard.press("Enter")
    visitor.heading("Order Confirmation")
    tab_to(page, "Create an account")
    page.keyboard.press("Enter")
    visitor.heading("Create an account")


def test_a_mistake_takes_the_focus_to_its_explanation(visitor: Person) -> None:
    visitor.open("/products/dv/order/")
    with visitor.watch.allowing(400, 422):
        visitor.press("Check out")
        expect(visitor.page.locator(".form-errors")).to_be_focused()
    visitor.page.locator(".form-errors a").first.click()
    expect(visitor.page.get_by_label(re.compile("^Domain names"))).to_be_focused()
