"""Step 1: names, the key we make, the CSR they bring, and everything that may be typed by mistake."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from audit.models import Entry
from certificates import keys
from certificates.models import Activation, ActivationName
from tests.certificates import samples

pytestmark = pytest.mark.django_db


def csr_of(*names, **more):
    return samples.pem(samples.csr(names, **more))


def test_it_starts_from_the_names_and_the_purchaser_of_the_order(wizard):
    wizard.plan.item.order.__class__.objects.filter(pk=wizard.plan.item.order_id).update(
        purchaser_name="Alice Archer",
        purchaser_email="alice@example.org",
        purchaser_country="DE",
        purchaser_company="Archer",
    )
    page = wizard.get("activation-csr")
    assert page.status_code == 200
    assert "Step 1 of 4, CSR" in page.content.decode()
    assert wizard.texts == ["shop.example"]
    assert (wizard.activation.admin_name, wizard.activation.country) == ("Alice Archer", "DE")


def test_it_saves_our_own_key_and_goes_on(wizard):
    answer = wizard.csr("shop.example", organization="Ärcher & Söhne", country="DE", key_type="rsa-3072")
    assert answer.url == wizard.url("activation-contacts")
    saved = wizard.activation
    assert (saved.csr_source, saved.key_type, saved.organization, saved.country) == (
        "generated",
        "rsa-3072",
        "Ärcher & Söhne",
        "DE",
    )
    assert saved.csr_done_at is not None
    assert saved.common_name == "shop.example"
    assert Entry.objects.filter(action="activation:saved", plan_id=wizard.plan.pk).count() == 1


def test_it_repairs_a_typing_error_in_the_name_at_no_cost(wizard):
    wizard.csr("shopp.example")
    assert wizard.texts == ["shopp.example"]
    wizard.csr("SHOP.example.")
    assert wizard.texts == ["shop.example"]


def test_it_puts_the_chosen_common_name_first(wizard_for):
    wizard = wizard_for("a.shop.example", "b.shop.example", "*.other.example")
    wizard.csr("a.shop.example", "b.shop.example", "*.other.example", common="wildcard-1")
    assert wizard.texts == ["*.other.example", "a.shop.example", "b.shop.example"]
    assert wizard.activation.common_name == "*.other.example"
    wizard.csr("a.shop.example", "b.shop.example", "*.other.example", common="single-2")
    assert wizard.texts == ["b.shop.example", "a.shop.example", "*.other.example"]


def test_it_adds_the_asterisk_on_a_wildcard_line(wizard_for):
    wizard = wizard_for("*.shop.example")
    wizard.post(
        "activation-csr", {"csr_source": "generated", "common": "wildcard-1", "wildcard-1": "shop.example"}
    )
    assert wizard.texts == ["*.shop.example"]


def test_it_keeps_fewer_names_than_were_bought(wizard_for):
    wizard = wizard_for("a.shop.example", "b.shop.example")
    wizard.csr("a.shop.example")
    assert wizard.texts == ["a.shop.example"]


def test_it_keeps_the_u_label_readable_and_stores_the_a_label(wizard):
    wizard.csr("münchen.example")
    assert wizard.texts == ["xn--mnchen-3ya.example"]
    assert "münchen.example" in wizard.get("activation-csr").content.decode()


BAD_NAMES = {
    "empty": "",
    "too long": "a" * 300 + ".example",
    "far too long": "a" * 5000,
    "no domain": "localhost",
    "address": "192.0.2.7",
    "address 6": "2001:db8::1",
    "public suffix": "co.uk",
    "control": "shop\x1b.example",
    "null": "shop\x00.example",
    "bidi": "shop\u202e.example",
    "look-alike": "sh\u043ep.example",
    "url": "https://shop.example/path",
    "mail": "alice@shop.example",
    "markup": "<script>alert(1)</script>",
    "wildcard not bought": "*.shop.example",
    "inner asterisk": "a.*.example",
    "underscore": "my_shop.example",
    "internal": "server.corp",
}


@pytest.mark.parametrize("text", BAD_NAMES.values(), ids=BAD_NAMES.keys())
def test_it_refuses_a_bad_name_beside_its_line_and_keeps_what_was_typed(wizard, text):
    answer = wizard.csr(text)
    assert answer.status_code == 422
    assert answer.context["form"].errors["single-1"]
    page = answer.content.decode()
    assert 'id="id_single-1_error"' in page
    assert "<script>alert" not in page
    assert wizard.texts == ["shop.example"]
    assert wizard.activation.csr_done_at is None


def test_it_shows_what_was_typed_when_the_person_comes_back(wizard):
    wizard.csr("not a name", organization="Half typed")
    page = wizard.get("activation-csr").content.decode()
    assert 'value="not a name"' in page
    assert 'value="Half typed"' in page
    wizard.csr("shop.example")
    assert wizard.activation.drafts == {}


def test_it_refuses_the_same_name_twice_and_one_that_a_wildcard_covers(wizard_for):
    wizard = wizard_for("a.shop.example", "b.shop.example", "*.shop.example")
    form = wizard.csr("x.example", "X.example", "*.shop.example").context["form"]
    assert list(form.errors) == ["single-2"]
    form = wizard.csr("a.shop.example", "x.example", "*.shop.example").context["form"]
    assert list(form.errors) == ["single-1"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("organization", "x" * 65),
        ("organization", "Evil\x07Corp"),
        ("locality", "Ber\u200blin"),
        ("region", "\u202egnirts"),
        ("country", "XX"),
        ("country", "Germany"),
        ("key_type", "rsa-1024"),
        ("key_type", "dsa"),
        ("csr_source", "maybe"),
        ("csr_source", ""),
    ],
)
def test_it_refuses_wrong_details_beside_their_field(wizard, field, value):
    answer = wizard.csr("shop.example", **{field: value})
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert wizard.activation.csr_done_at is None


def test_it_ignores_the_hidden_half_of_the_page(wizard):
    wizard.csr("shop.example", csr="rubbish")
    assert wizard.activation.csr_source == "generated"
    wizard.paste(csr_of("shop.example"), "shop.example", organization="x" * 400, country="??")
    assert wizard.activation.csr_source == "pasted"


# --- a pasted CSR ---------------------------------------------------------------------------------------------


def test_it_takes_a_good_csr(wizard):
    answer = wizard.paste("Bag attributes\r\n" + csr_of("shop.example").replace("\n", "\r\n"), "shop.example")
    assert answer.url == wizard.url("activation-contacts")
    assert wizard.activation.csr_source == "pasted"
    assert wizard.activation.csr_pem.startswith("-----BEGIN CERTIFICATE REQUEST-----\n")
    assert "Bag" not in wizard.activation.csr_pem


def test_it_shows_what_is_in_the_csr_without_javascript(wizard):
    key = samples.key_of("rsa-2048")
    page = wizard.post(
        "activation-verify-csr", {"csr_source": "generated", "csr": csr_of("shop.example", key=key)}
    )
    text = page.content.decode()
    assert "Step 1 of 4, CSR" in text
    assert "This CSR is good" in text
    assert "RSA, 2048 bits" in text
    assert "SHA-256" in text


def test_it_shows_only_the_verdict_to_htmx(wizard):
    answer = wizard.post(
        "activation-verify-csr",
        {"csr": csr_of("shop.example"), "single-1": "shop.example"},
        headers={"hx-request": "true"},
    )
    text = answer.content.decode()
    assert "This CSR is good" in text
    assert "<html" not in text


def test_it_keeps_a_csr_that_was_only_verified(wizard):
    text = csr_of("shop.example")
    wizard.post("activation-verify-csr", {"csr": text})
    assert wizard.activation.csr_done_at is None
    assert "This CSR is good" in wizard.get("activation-csr").content.decode()


BAD_CSRS = {
    "empty": lambda: "",
    "words": lambda: "please make me a certificate",
    "100 kB": lambda: "A" * 100_000,
    "100 kB of PEM": lambda: samples.pem(b"\x30\x84\x00\x01\x00\x00" + b"\x00" * 75_000),
    "cut off": lambda: csr_of("shop.example")[:200],
    "null": lambda: "\x00" + csr_of("shop.example"),
    "200 names": lambda: csr_of(*(f"n{n}.shop.example" for n in range(200))),
    "ip": lambda: csr_of("192.0.2.1"),
    "public suffix": lambda: csr_of("co.uk"),
    "look-alike": lambda: samples.pem(
        samples.raw_csr(subject=samples.sequence(samples.common_name("sh\u043ep.example")))
    ),
    "weak key": lambda: csr_of("shop.example", key=rsa.generate_private_key(65537, 1024)),
    "bad signature": lambda: samples.pem(samples.csr(["shop.example"])[:-4] + b"\x00\x00\x00\x00"),
    "other name": lambda: csr_of("other.example", "third.example"),
    "markup": lambda: samples.pem(
        samples.raw_csr(subject=samples.sequence(samples.common_name("<script>alert(1)</script>")))
    ),
}


@pytest.mark.parametrize("make", BAD_CSRS.values(), ids=BAD_CSRS.keys())
def test_it_refuses_a_bad_csr_at_its_field(wizard, make):
    answer = wizard.paste(make(), "shop.example")
    assert answer.status_code == 422
    assert answer.context["form"].errors["csr"]
    text = answer.content.decode()
    assert 'id="id_csr_error"' in text
    assert "<script>alert" not in text
    assert wizard.activation.csr_done_at is None
    assert wizard.activation.csr_pem == ""
    assert wizard.get("activation-csr").status_code == 200


@pytest.mark.parametrize("make", BAD_CSRS.values(), ids=BAD_CSRS.keys())
def test_it_verifies_a_bad_csr_without_falling_over(wizard, make):
    answer = wizard.post(
        "activation-verify-csr", {"csr": make(), "single-1": "shop.example"}, headers={"hx-request": "true"}
    )
    assert answer.status_code == 200
    assert 'id="id_csr_error"' in answer.content.decode()


def test_it_says_which_names_are_missing_and_offers_those_of_the_csr(wizard):
    answer = wizard.paste(csr_of("other.example"), "shop.example")
    text = answer.content.decode()
    assert "shop.example" in text
    assert "Use the names in the CSR" in text
    assert wizard.paste(csr_of("other.example"), "shop.example", adopt="1").url == wizard.url(
        "activation-csr"
    )
    assert wizard.texts == ["other.example"]
    assert "This CSR is good" in wizard.get("activation-csr").content.decode()


def test_it_does_not_offer_names_that_were_not_bought(wizard):
    for text in (csr_of("a.example", "b.example"), csr_of("*.shop.example")):
        answer = wizard.paste(text, "shop.example", adopt="1")
        assert answer.status_code == 422
        assert "Use the names in the CSR" not in answer.content.decode()
    assert wizard.texts == ["shop.example"]


def test_it_takes_the_names_of_the_csr_where_none_were_typed(wizard):
    assert wizard.paste(csr_of("other.example")).status_code == 302
    assert wizard.texts == ["other.example"]


# --- a private key pasted by mistake ----------------------------------------------------------------------------


def key_texts():
    key = samples.key_of("rsa-2048")
    plain = keys.to_pem(key).decode()
    old = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    ).decode()
    bare = "".join(plain.splitlines()[1:-1])
    return {
        "pkcs8": plain,
        "pkcs1": old,
        "encrypted": locked,
        "with the csr": csr_of("shop.example") + plain,
        "bare base64": bare,
        "in a huge text": "x" * 90_000 + "\n" + plain,
    }


@pytest.mark.parametrize(
    "kind", ["pkcs8", "pkcs1", "encrypted", "with the csr", "bare base64", "in a huge text"]
)
@pytest.mark.parametrize("door", ["save", "verify", "verify by htmx", "draft"])
def test_it_never_stores_nor_echoes_a_private_key(wizard, kind, door):
    text = key_texts()[kind]
    secret = max((line for line in text.splitlines() if "-" not in line and "x" * 60 not in line), key=len)[
        :60
    ]
    data = {"csr_source": "pasted", "csr": text, "single-1": "shop.example", "since": "never"}
    name = {"save": "activation-csr", "draft": "activation-csr-draft"}.get(door, "activation-verify-csr")
    headers = {"hx-request": "true"} if "htmx" in door else {}
    answer = wizard.post(name, data, headers=headers)
    page = answer.content.decode()
    assert secret not in page
    if door != "draft":
        assert "make a new key" in page
    if "htmx" in door:
        assert 'hx-swap-oob="true"' in page
    stored = str(Activation.objects.values().get(plan=wizard.plan)) + str(list(Entry.objects.values()))
    assert secret not in stored
    assert "PRIVATE KEY" not in stored
    assert wizard.activation.csr_done_at is None


@pytest.mark.parametrize("field", ["organization", "single-1"])
def test_it_takes_a_private_key_out_of_any_field(wizard, field):
    answer = wizard.csr("shop.example", **{field: key_texts()["pkcs8"]})
    assert answer.status_code == 422
    assert "PRIVATE KEY" not in answer.content.decode()
    assert field in answer.context["form"].errors
    assert "PRIVATE KEY" not in str(wizard.activation.drafts)


def test_it_does_not_keep_what_is_no_csr(wizard):
    wizard.post(
        "activation-csr-draft", {"csr_source": "pasted", "csr": "half a key, mangled", "since": "never"}
    )
    assert wizard.activation.drafts["csr"]["csr"] == ""
    wizard.post(
        "activation-csr-draft", {"csr_source": "pasted", "csr": csr_of("shop.example"), "since": "never"}
    )
    assert "BEGIN CERTIFICATE REQUEST" in wizard.activation.drafts["csr"]["csr"]


# --- what saving means for the methods --------------------------------------------------------------------------


def test_a_new_name_takes_the_method_that_the_others_share(wizard_for):
    wizard = wizard_for("a.shop.example", "b.shop.example")
    wizard.walk("a.shop.example", "b.shop.example")
    ActivationName.objects.update(method="http-01")
    wizard.csr("a.shop.example", "c.shop.example")
    assert {name.method for name in wizard.activation.names.all()} == {"http-01"}
    assert wizard.activation.methods_done_at is not None


def test_a_new_name_without_a_method_opens_step_3_again(wizard_for):
    wizard = wizard_for("a.shop.example", "b.shop.example")
    wizard.walk("a.shop.example", "b.shop.example")
    ActivationName.objects.filter(ascii="a.shop.example").update(method="http-01")
    wizard.csr("a.shop.example", "b.shop.example")
    wizard.csr("a.shop.example", "b.shop.example", "c.shop.example")
    wizard.csr("x.shop.example", "y.shop.example")
    assert wizard.activation.methods_done_at is None


def test_an_address_bought_can_be_named_and_shown_by_http_only(wizard_for):
    wizard = wizard_for("203.0.113.7", "shop.example")
    type(wizard.plan.product).objects.update(ip_addresses=True)
    wizard.csr("203.0.113.7", "shop.example")
    assert wizard.texts == ["203.0.113.7", "shop.example"]
    wizard.contacts()
    page = wizard.get("activation-methods").content.decode()
    assert "An IP address is always shown by HTTP" in page
    wizard.post("activation-methods", {"all": "dns-01"})
    assert [name.method for name in wizard.activation.names.all()] == ["http-01", "dns-01"]
