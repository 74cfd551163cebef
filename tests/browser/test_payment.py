"""What can happen on the payment page, and how the portal takes it up."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.person import DECLINED_CARD, Person


def to_the_payment_page(person: Person, name: str) -> None:
    person.order("DV", name)
    person.check_out()
    person.confirm()


def test_a_declined_card_says_so_and_another_one_pays(customer: Person) -> None:
    to_the_payment_page(customer, "declined.example")
    with customer.watch.allowing(402):
        customer.pay(DECLINED_CARD)
        expect(customer.page.get_by_role("alert")).to_contain_text("Your card was declined.")
    customer.see("cards-declined")
    customer.pay()
    customer.begin_set_up()


def test_a_cancelled_payment_leads_back_and_can_be_made_up_for(customer: Person) -> None:
    to_the_payment_page(customer, "cancelled.example")
    customer.follow(re.compile("^Cancel and go back"))
    expect(customer.text()).to_contain_text("Payment needed")
    customer.see("order-unpaid")
    customer.open("/certificates/")
    expect(customer.text()).to_contain_text("Payment needed")
    customer.see("certificates-unpaid")
    customer.page.get_by_role("link", name=re.compile("^Pay now")).click()
    customer.press("Pay now")
    customer.pay()
    customer.begin_set_up()
    customer.open("/orders/")
    customer.see("orders")
    customer.page.get_by_role("link", name="cancelled.example").click()
    customer.see("order-paid")
    customer.follow("Receipt")
    customer.see("receipt")


def test_a_delayed_payment_says_so_and_goes_on_by_itself(customer: Person) -> None:
    to_the_payment_page(customer, "delayed.example")
    customer.page.get_by_text("Pay later with a delayed method").click()
    customer.page.get_by_label("After how many seconds").fill("4")
    customer.press("Pay later")
    customer.heading("Payment is processing")
    customer.page.evaluate("window.notReloaded = true")
    customer.heading("Payment received")
    assert customer.page.evaluate("window.notReloaded") is True
    assert any("delayed.example" in subject for subject in customer.mails())
