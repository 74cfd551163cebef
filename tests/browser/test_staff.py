"""The portal's own people: what is stuck, a plan's whole story, validation re-triggered; the administration."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from portal.management.commands.seed_sandbox import ADMIN, SUPPORT
from portal.management.commands.seed_sandbox import PASSWORD as STAFF_PASSWORD
from tests.browser.conftest import Visits
from tests.browser.person import Person


def test_support_finds_a_plan_and_looks_again(visits: Visits, customer: Person) -> None:
    customer.buy("DV", "stuck.example")
    customer.next("Step 2 of 4, Contacts")
    customer.contacts()
    customer.method("DNS TXT Record")
    expect(customer.proofs()).to_have_count(1)
    support = visits.open(email=SUPPORT)
    support.open("/staff/")
    support.sign_in(STAFF_PASSWORD)
    support.heading("What is stuck, and why")
    support.see("staff-home")
    support.page.get_by_role("searchbox").fill("stuck.example")
    support.press("Find")
    support.see("staff-search")
    if "/plans/" not in support.page.url:
        support.page.locator("main").get_by_role("link").first.click()
    support.heading("stuck.example")
    support.see("staff-plan")
    support.page.get_by_label(re.compile("^Reason")).first.fill("The customer is on the telephone")
    support.press("Look again now")
    expect(support.page.locator("#log, [aria-labelledby=log]").first).to_contain_text(
        "The customer is on the telephone"
    )
    support.see("staff-plan-looked-again")
    assert "BEGIN" not in support.page.content()


def test_the_administration_is_entered_and_looked_over(visits: Visits) -> None:
    admin = visits.open(email=ADMIN)
    admin.open("/admin/")
    admin.sign_in(STAFF_PASSWORD)
    expect(admin.page).to_have_url(re.compile("/admin/"))
    admin.see("admin-home")
    for path, name in (
        ("orders/order/", "admin-orders"),
        ("orders/product/", "admin-products"),
        ("certificates/caaccount/", "admin-cas"),
        ("certificates/certificate/", "admin-certificates"),
        ("audit/entry/", "admin-audit"),
    ):
        admin.open(f"/admin/{path}")
        admin.see(name)
    admin.open("/admin/certificates/caaccount/")
    admin.follow("Sandbox CA (Pebble)")
    admin.see("admin-ca")
