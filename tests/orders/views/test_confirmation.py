"""Order Confirmation: signing in on the way, who buys, what was accepted."""

from __future__ import annotations

import re
from html import unescape

import pytest
from allauth.account.models import EmailAddress
from django.urls import reverse

from orders.models import Agreement, Order, Payment, Price
from tests.conftest import NOW
from tests.orders.conftest import PURCHASER

GOOD = {**PURCHASER, "agreement": "on", "agreement_version": "1"}


@pytest.fixture
def alices(client, buyer):
    client.force_login(buyer)
    return client


def url(order):
    return reverse("order_confirm", args=[order.pk])


def page_of(answer):
    return unescape(answer.content.decode())


def test_it_goes_from_confirm_to_the_payment_page(draft, alices, gateway):
    answer = alices.post(url(draft), GOOD)
    payment = Payment.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, payment.session_url)
    saved = Order.objects.get()
    assert (saved.state, saved.purchaser_country) == ("awaiting_payment", "DE")
    assert saved.agreement_accepted_from == "127.0.0.1"


def test_a_second_confirm_leads_to_the_same_page(draft, alices, gateway):
    first = alices.post(url(draft), GOOD)["Location"]
    assert alices.post(url(draft), GOOD)["Location"] == first
    assert len(gateway.sessions) == 1


def test_an_anonymous_basket_waits_for_its_owner(shop, client, buyer, gateway):
    client.post(reverse("order_new", args=["dv"]), {"names": "shop.example", "years": "1"})
    draft = Order.objects.get()
    page = page_of(client.get(url(draft)))
    assert f"/accounts/signup/?next={url(draft)}" in page
    assert f"/accounts/login/?next={url(draft)}" in page
    assert "€19.00" in page
    assert client.post(url(draft), GOOD).status_code == 200
    assert Order.objects.get().state == "draft"
    client.force_login(buyer)
    assert "Confirm" in page_of(client.get(url(draft)))
    assert Order.objects.get().owner == buyer
    assert client.post(url(draft), GOOD).status_code == 303


def test_a_basket_is_adopted_once(shop, client, buyer, bob):
    client.post(reverse("order_new", args=["dv"]), {"names": "shop.example", "years": "1"})
    draft = Order.objects.get()
    Order.objects.update(owner=bob)
    client.force_login(buyer)
    assert client.get(url(draft)).status_code == 404
    assert Order.objects.get().owner == bob


def test_an_address_must_be_verified_before_payment(draft, alices, gateway):
    EmailAddress.objects.update(verified=False)
    assert "not confirmed yet" in page_of(alices.get(url(draft)))
    answer = alices.post(url(draft), {**GOOD, "purchaser_city": "Berlin"})
    assert answer.status_code == 422
    assert 'value="Berlin"' in page_of(answer)
    assert gateway.calls.total() == 0


BAD = [
    ("no name", {"purchaser_name": ""}, "purchaser_name"),
    ("blank name", {"purchaser_name": " \t "}, "purchaser_name"),
    ("long name", {"purchaser_name": "a" * 121}, "purchaser_name"),
    ("control character", {"purchaser_name": "Al\x07ice"}, "purchaser_name"),
    ("bidi", {"purchaser_company": "ecila\u202e"}, "purchaser_company"),
    ("nul", {"purchaser_city": "Ber\x00lin"}, "purchaser_city"),
    ("no address", {"purchaser_email": ""}, "purchaser_email"),
    ("no such address", {"purchaser_email": "alice@"}, "purchaser_email"),
    ("header injection", {"purchaser_email": "a@b.example\nBcc: c@d.example"}, "purchaser_email"),
    ("long address", {"purchaser_email": "a" * 250 + "@b.example"}, "purchaser_email"),
    ("no country", {"purchaser_country": ""}, "purchaser_country"),
    ("no such country", {"purchaser_country": "XX"}, "purchaser_country"),
    ("telephone", {"purchaser_phone": "call me"}, "purchaser_phone"),
    ("vat", {"purchaser_vat": "DE<1>"}, "purchaser_vat"),
    ("postcode", {"purchaser_postcode": "1" * 21}, "purchaser_postcode"),
    ("no tick", {"agreement": ""}, "agreement"),
    ("old agreement", {"agreement_version": "0"}, "agreement"),
]


@pytest.mark.parametrize(("changed", "field"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_purchaser_information_is_explained_at_its_field_and_stays(
    draft, alices, gateway, changed, field
):
    answer = alices.post(url(draft), {**GOOD, "purchaser_street": "Long Lane 7", **changed})
    page = page_of(answer)
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in page
    assert 'value="Long Lane 7"' in page
    assert Order.objects.get().state == "draft"
    assert gateway.calls.total() == 0


def test_blanks_around_and_inside_are_tidied(draft, alices, gateway):
    alices.post(url(draft), {**GOOD, "purchaser_name": "  Alice \t Archer "})
    assert Order.objects.get().purchaser_name == "Alice Archer"


def test_a_new_price_is_shown_and_confirmed_anew(draft, alices, gateway):
    Price.objects.filter(product__slug="dv", years=1).update(amount=2500)
    answer = alices.post(url(draft), GOOD)
    assert answer.status_code == 422
    assert "The price has changed" in page_of(answer)
    assert "€34.00" in page_of(answer)
    assert alices.post(url(draft), GOOD).status_code == 303
    assert Payment.objects.get().amount == 3400


def test_an_agreement_published_meanwhile_is_shown(draft, alices, gateway):
    Agreement.objects.create(version="2", text="The second text.", published_at=NOW.replace(year=2027))
    answer = alices.post(url(draft), GOOD)
    assert "The second text." in page_of(answer)
    assert "was updated" in page_of(answer)
    assert 'name="agreement_version" value="2"' in page_of(answer)
    assert not re.search(r'name="agreement"[^>]*checked', page_of(answer))
    assert Order.objects.get().state == "draft"
    assert alices.post(url(draft), {**GOOD, "agreement_version": "2"}).status_code == 303
    assert Order.objects.get().agreement.version == "2"


def test_when_the_gateway_is_out_of_reach_the_order_is_kept(draft, alices, gateway):
    gateway.answers = [503]
    answer = alices.post(url(draft), GOOD, follow=True)
    page = page_of(answer)
    assert "cannot be reached just now" in page
    assert "Pay now" in page
    assert Order.objects.get().state == "awaiting_payment"


def test_it_remembers_who_bought_last(order, shop, alices):
    alices.post(reverse("order_new", args=["dv"]), {"names": "second.example", "years": "1"})
    second = Order.objects.get(state="draft")
    page = page_of(alices.get(url(second)))
    assert 'value="Alice Archer"' in page
    assert re.search(r'<option value="DE" selected', page)


def test_without_an_agreement_the_shop_is_closed(draft, alices):
    Agreement.objects.all().delete()
    assert alices.get(url(draft)).status_code == 503


def test_it_takes_a_constant_number_of_queries(draft, alices, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        alices.get(url(draft))
