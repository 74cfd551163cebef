"""Products and the order page: what is typed is checked at the field and never lost."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.urls import reverse

from identifiers.names import Name
from orders import sanity
from orders.models import Order
from orders.sanity import Notice, Refusal


def url(slug="dv"):
    return reverse("order_new", args=[slug])


def typed(answer):
    """Return what stands in the names field of the page."""
    found = re.search(r'<textarea name="names"[^>]*>\n?(.*?)</textarea>', answer.content.decode(), re.DOTALL)
    return unescape(found[1])


def order_names(order):
    return [name.text for name in order.items.get().names.all()]


# --- the window -------------------------------------------------------------------------------------------


def test_the_window_sells_two_and_shows_four(shop, client):
    page = client.get(reverse("products")).content.decode()
    assert page.count("Order now") == 2
    assert "Opens in a later release" in page
    assert all(title in page for title in ("DV", "Wildcard DV", "OV", "EV"))
    assert "€19.00" in page


def test_an_empty_shop_says_so(db, client):
    assert "Nothing is on sale yet" in client.get(reverse("products")).content.decode()


@pytest.mark.parametrize("slug", ["ov", "ev", "unknown"])
def test_what_is_not_on_sale_has_no_order_page(shop, client, slug):
    assert client.get(url(slug)).status_code == 404
    assert client.post(url(slug), {"names": "shop.example", "years": 1}).status_code == 404
    assert client.post(reverse("order_price", args=[slug]), {"names": "shop.example"}).status_code == 404


# --- check out ----------------------------------------------------------------------------------------------


def test_a_stranger_can_fill_a_basket(shop, client):
    answer = client.post(url(), {"names": "Shop.Example\nwww.shop.example", "years": "2"})
    order = Order.objects.get()
    assert answer["Location"] == reverse("order_confirm", args=[order.pk])
    assert (order.owner, order.state, order.total) == (None, "draft", 3500 + 1600)
    assert order_names(order) == ["shop.example", "www.shop.example"]


def test_a_signed_in_customer_owns_the_draft(shop, client, buyer):
    client.force_login(buyer)
    client.post(url("wildcard-dv"), {"names": "*.shop.example, shop.example", "years": "1"})
    assert Order.objects.get().owner == buyer
    assert Order.objects.get().total == 8900


def test_an_idn_is_kept_as_a_label_and_shown_as_people_write_it(shop, client):
    answer = client.post(url(), {"names": "münchen.example", "years": "1"}, follow=True)
    assert order_names(Order.objects.get()) == ["xn--mnchen-3ya.example"]
    page = answer.content.decode()
    assert "münchen.example" in page
    assert "xn--mnchen-3ya.example" in page


BAD = [
    ("empty", "", "Enter a domain name"),
    ("blanks", "  \n ", "Enter a domain name"),
    ("nul", "shop\x00.example", "characters"),
    ("control", "shop\x1b.example", "control characters"),
    ("bidi", "shop\u202e.example", "control characters"),
    ("look-alike", "p\u0430ypal.example", "writing systems"),
    ("ip", "192.0.2.1", "IP address"),
    ("ipv6", "[2001:db8::1]", "IP address"),
    ("suffix", "co.uk", "co.uk"),
    ("tld", "com", "com"),
    ("url", "https://shop.example/cart", "Did you mean shop.example?"),
    ("mail", "me@shop.example", "Did you mean shop.example?"),
    ("wildcard inside", "www.*.shop.example", "asterisk"),
    ("underscore", "a_b.shop.example", "underscore"),
    ("too long", "a" * 64 + ".example", "63"),
    ("html", "<script>alert(1)</script>.example", "shop-must-not-run"),
    ("200 names", "\n".join(f"n{number}.shop.example" for number in range(200)), "100"),
    ("26 names", "\n".join(f"n{number}.shop.example" for number in range(26)), "25"),
    ("100 kB", "a" * 100_000, "too long"),
]


@pytest.mark.parametrize(("text", "word"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_names_are_explained_at_the_field_and_stay_there(shop, client, text, word):
    answer = client.post(url(), {"names": text, "years": "2"})
    assert answer.status_code == 422
    page = unescape(answer.content.decode())
    assert 'id="id_names_error"' in page
    if word != "shop-must-not-run":
        assert word in page
    assert "<script>alert(1)" not in answer.content.decode()
    # What HTML itself cannot carry, a browser does not send back either.
    assert typed(answer).replace("\r", "").strip() == text.strip()
    assert re.search(r'value="2"[^>]*checked', answer.content.decode())
    assert not Order.objects.exists()


@pytest.mark.parametrize("years", ["", "0", "4", "-1", "one", "1.5", "9" * 50, "1; DROP"])
def test_a_term_that_is_not_offered_is_explained_at_its_field(shop, client, years):
    answer = client.post(url(), {"names": "shop.example", "years": years})
    assert answer.status_code == 422
    assert 'id="id_years_error"' in answer.content.decode()
    assert typed(answer) == "shop.example"
    assert not Order.objects.exists()


def test_a_wildcard_product_wants_a_wildcard_first(shop, client):
    answer = client.post(url("wildcard-dv"), {"names": "shop.example", "years": "1"})
    assert answer.status_code == 422
    assert "Did you mean *.shop.example?" in unescape(answer.content.decode())


def test_a_caa_refusal_is_shown_with_the_record_to_add(shop, client, monkeypatch):
    record = 'shop.example. CAA 0 issue "ca.example"'
    refusal = Refusal("CAA does not allow our CA.", name=Name("shop.example"), record=record)
    monkeypatch.setattr(sanity, "CHECKS", {"caa": lambda product, names: [refusal]})
    answer = client.post(url(), {"names": "shop.example", "years": "1"})
    assert answer.status_code == 422
    page = unescape(answer.content.decode())
    assert "CAA does not allow our CA." in page
    assert record in page
    assert not Order.objects.exists()


def test_an_unknown_caa_only_informs(shop, client, monkeypatch):
    monkeypatch.setattr(
        sanity, "CHECKS", {"caa": lambda product, names: [Notice("Could not read CAA.", name=names[0])]}
    )
    answer = client.post(url(), {"names": "shop.example", "years": "1"}, follow=True)
    assert Order.objects.count() == 1
    assert "Could not read CAA." in answer.content.decode()


def test_typing_asks_no_network(shop, client, monkeypatch):
    asked = []
    monkeypatch.setattr(sanity, "CHECKS", {"caa": lambda product, names: asked.extend(names)})
    client.post(reverse("order_price", args=["dv"]), {"names": "shop.example", "years": "1"})
    client.post(url(), {"names": "shop.example", "years": "1", "update": "1"})
    assert asked == []


# --- the live price -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "years", "total"),
    [
        ("shop.example", "1", "€19.00"),
        ("shop.example", "3", "€49.00"),
        ("a.example b.example", "1", "€28.00"),
        ("", "2", "€35.00"),
    ],
)
def test_the_price_follows_what_is_typed(shop, client, names, years, total):
    page = client.post(reverse("order_price", args=["dv"]), {"names": names, "years": years}).content.decode()
    assert total in page
    assert "<html" not in page


@pytest.mark.parametrize("text", [case[1] for case in BAD], ids=[case[0] for case in BAD])
def test_the_price_bears_anything(shop, client, text):
    assert client.post(reverse("order_price", args=["dv"]), {"names": text, "years": "x"}).status_code == 200


def test_the_page_works_without_javascript(shop, client):
    answer = client.post(url(), {"names": "shop.example", "years": "3", "update": "1"})
    assert answer.status_code == 200
    assert "€49.00" in answer.content.decode()
    answer = client.post(url(), {"names": "shop.example", "years": "3", "add": "www.shop.example"})
    assert typed(answer) == "shop.example\nwww.shop.example"
    assert "€71.00" in answer.content.decode()
    assert not Order.objects.exists()


def test_a_forged_name_to_add_adds_nothing(shop, client):
    answer = client.post(url(), {"names": "shop.example", "years": "1", "add": "<b>\n192.0.2.1"})
    assert typed(answer) == "shop.example"


def test_a_name_in_the_address_fills_the_field(shop, client):
    assert typed(client.get(url(), {"names": "<b>shop.example"})) == "<b>shop.example"


def test_too_many_baskets_are_slowed_down_and_nothing_is_lost(shop, client):
    for _basket in range(30):
        client.post(url(), {"names": "shop.example", "years": "1"})
    answer = client.post(url(), {"names": "shop.example", "years": "1"})
    assert answer.status_code == 429
    assert typed(answer) == "shop.example"
    assert Order.objects.count() == 30


# --- changing a draft ---------------------------------------------------------------------------------------


def test_a_draft_can_be_changed(draft, client, buyer):
    client.force_login(buyer)
    change = reverse("order_change", args=[draft.pk])
    assert typed(client.get(change)) == "shop.example\nwww.shop.example"
    client.post(change, {"names": "other.example", "years": "3"})
    draft.refresh_from_db()
    assert (draft.total, order_names(draft)) == (4900, ["other.example"])


def test_an_order_is_not_changed_behind_its_payment(order, client, buyer):
    client.force_login(buyer)
    change = reverse("order_change", args=[order.pk])
    assert client.get(change)["Location"] == reverse("order_detail", args=[order.pk])
    client.post(change, {"names": "other.example", "years": "3"})
    assert order_names(order) == ["shop.example", "www.shop.example"]


def test_only_its_session_and_its_owner_see_a_draft(shop, client, bob, draft):
    from django.test import Client

    client.post(url(), {"names": "mine.example", "years": "1"})
    mine = reverse("order_confirm", args=[Order.objects.get(owner=None).pk])
    assert client.get(mine).status_code == 200
    assert Client().get(mine)["Location"].startswith("/accounts/login/")
    stranger = Client()
    stranger.force_login(bob)
    assert stranger.get(mine).status_code == 404
    assert stranger.get(reverse("order_confirm", args=[draft.pk])).status_code == 404
    assert stranger.get(reverse("order_change", args=[draft.pk])).status_code == 404


def test_pages_take_a_constant_number_of_queries(shop, client, django_assert_num_queries):
    with django_assert_num_queries(2):
        client.get(reverse("products"))
    with django_assert_num_queries(2):
        client.post(reverse("order_price", args=["dv"]), {"names": "a.example", "years": "1"})
    many = " ".join(f"n{number}.example" for number in range(25))
    with django_assert_num_queries(2):
        client.post(reverse("order_price", args=["dv"]), {"names": many, "years": "1"})


# --- IP addresses (RFC 8738) ----------------------------------------------------------------------------------


def test_an_address_is_sold_only_by_a_product_that_carries_addresses(shop, client):
    refused = client.post(url(), {"names": "8.8.8.8", "years": "1"})
    assert "is an IP address" in refused.content.decode()
    shop["dv"].ip_addresses = True
    shop["dv"].save()
    client.post(url(), {"names": "[2606:4700::1111]\n8.8.8.8\nshop.example", "years": "1"})
    assert order_names(Order.objects.get()) == ["2606:4700::1111", "8.8.8.8", "shop.example"]


def test_an_inner_address_is_refused_before_anybody_pays(shop, client, settings):
    settings.VALIDATION_RESERVED_NAMES = False
    shop["dv"].ip_addresses = True
    shop["dv"].save()
    answer = client.post(url(), {"names": "192.168.1.1", "years": "1"})
    assert "is not a public address" in unescape(answer.content.decode())
    assert typed(answer) == "192.168.1.1"
    assert not Order.objects.exists()
