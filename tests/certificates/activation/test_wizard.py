"""The walk through steps 1 to 3: resuming, going back, finishing, changing one's mind, and who may not come in."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import Entry
from certificates.activation.saving import finishing
from certificates.models import AcmeOrder, Activation, CaAccount, Issuance
from orders.models import Plan
from tests.certificates import samples
from tests.certificates.activation.conftest import GENERATED, Wizard, lines
from tests.factories import certificate_for

pytestmark = pytest.mark.django_db

GET_PAGES = [
    "activation",
    "activation-csr",
    "activation-contacts",
    "activation-methods",
    "activation-approve",
    "activation-live",
]
POST_DOORS = [
    "activation-csr",
    "activation-verify-csr",
    "activation-csr-draft",
    "activation-contacts",
    "activation-contacts-draft",
    "activation-methods",
    "activation-check",
    "activation-try-again",
]
POSITION_DOORS = ["activation-insist", "activation-method"]


def test_it_leads_from_one_unfinished_step_to_the_next(wizard):
    assert wizard.get().url == wizard.url("activation-csr")
    assert wizard.csr().url == wizard.url("activation-contacts")
    assert wizard.get().url == wizard.url("activation-contacts")
    assert wizard.contacts().url == wizard.url("activation-methods")
    assert wizard.get().url == wizard.url("activation-methods")
    assert wizard.finish().url == wizard.url("activation-approve")
    assert wizard.get().url == wizard.url("activation-approve")
    assert wizard.get("activation-approve").status_code == 200


@pytest.mark.parametrize("name", ["activation-contacts", "activation-methods", "activation-approve"])
def test_it_sends_people_who_come_too_early_to_their_step(wizard, name):
    assert wizard.get(name).url == wizard.url("activation-csr")


def test_every_step_has_the_labels_of_the_contract(wizard):
    one = wizard.get("activation-csr").content.decode()
    for label in (
        "Step 1 of 4, CSR",
        "Have a CSR?",
        "No",
        "Yes",
        "Verify CSR",
        "Next",
        "Common name",
        "Organization",
        "Country",
    ):
        assert label in one
    wizard.csr()
    two = wizard.get("activation-contacts").content.decode()
    for label in (
        "Step 2 of 4, Contacts",
        "Site Administrator Contact Information",
        "Technical Contact Information",
        "Same as administrator",
        "Next",
    ):
        assert label in two
    wizard.contacts()
    three = wizard.get("activation-methods").content.decode()
    for label in (
        "Step 3 of 4, Authentication method",
        "HTTP",
        "DNS TXT Record",
        "Email",
        "Finish",
        "takes no approval by email",
    ):
        assert label in three
    wizard.finish()
    four = wizard.get("activation-approve").content.decode()
    assert "Step 4 of 4, Approve" in four
    assert "Check now" in four


def test_going_back_loses_nothing(wizard):
    wizard.csr(organization="Archer", country="DE")
    wizard.contacts(
        tech_same="", tech_name="Tom Tech", tech_email="tom@example.org", admin_phone="+49 30 1234567"
    )
    wizard.finish("http-01")
    page = wizard.get("activation-csr").content.decode()
    assert 'value="Archer"' in page
    assert '<option value="DE" selected>' in page
    page = wizard.get("activation-contacts").content.decode()
    assert 'value="tom@example.org"' in page
    assert 'value="+49 30 1234567"' in page
    assert wizard.get("activation-methods").content.decode().count("checked") == 1
    assert (
        wizard.contacts(tech_same="", tech_name="Tom Tech", tech_email="tom@example.org").status_code == 302
    )
    assert wizard.running.state == "wanted"


def test_switching_to_the_administrator_keeps_the_technical_contact_for_later(wizard):
    wizard.csr()
    wizard.contacts(tech_same="", tech_name="Tom Tech", tech_email="tom@example.org")
    wizard.contacts()
    assert wizard.activation.tech_same is True
    assert wizard.activation.tech_name == "Tom Tech"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("admin_name", ""),
        ("admin_name", "x" * 121),
        ("admin_name", "Al\x00ice"),
        ("admin_name", "Ali\u202ece"),
        ("admin_name", "Alice\nBcc: all@example.org"),
        ("admin_email", ""),
        ("admin_email", "alice"),
        ("admin_email", "alice@localhost"),
        ("admin_email", "alice@example.org\r\nBcc: all@example.org"),
        ("admin_email", "a" * 250 + "@example.org"),
        ("admin_phone", "call me"),
        ("admin_phone", "++49"),
        ("admin_phone", "12"),
        ("admin_phone", "1" * 60),
        ("admin_organization", "x" * 121),
        ("admin_organization", "Evil\x1b[31m"),
    ],
)
def test_it_refuses_a_bad_contact_beside_its_field_and_keeps_it(wizard, field, value):
    wizard.csr()
    answer = wizard.contacts(**{field: value})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert wizard.activation.contacts_done_at is None
    again = wizard.get("activation-contacts")
    assert again.status_code == 200
    kept = again.context["form"][field].value()
    assert kept == value.replace("\x00", "")


def test_it_needs_a_technical_contact_that_is_somebody_else(wizard):
    wizard.csr()
    answer = wizard.contacts(tech_same="")
    assert set(answer.context["form"].errors) == {"tech_name", "tech_email"}


@pytest.mark.parametrize("phone", ["+49 30 1234567", "(030) 12 34-56", "+1.555.0100 ext. 7", "030/123456"])
def test_it_takes_telephone_numbers_as_people_write_them(wizard, phone):
    wizard.csr()
    assert wizard.contacts(admin_phone=phone).status_code == 302


# --- step 3 and Finish --------------------------------------------------------------------------------------------


def test_a_choice_for_all_leaves_dns_to_the_wildcard(wizard_for):
    wizard = wizard_for("shop.example", "*.shop.example")
    wizard.csr("shop.example", "*.other.example")
    wizard.contacts()
    wizard.post("activation-methods", {"all": "http-01"})
    assert {n.text: n.method for n in wizard.activation.names.all()} == {
        "shop.example": "http-01",
        "*.other.example": "dns-01",
    }


def test_a_choice_name_by_name(wizard_for):
    wizard = wizard_for("a.shop.example", "b.shop.example")
    wizard.csr("a.shop.example", "b.shop.example")
    wizard.contacts()
    first, second = wizard.activation.names.all()
    wizard.post(
        "activation-methods",
        {"all": "each", f"method-{first.pk}": "http-01", f"method-{second.pk}": "dns-01"},
    )
    assert [n.method for n in wizard.activation.names.all()] == ["http-01", "dns-01"]


def test_a_half_made_choice_is_kept_and_the_missing_name_is_told(wizard_for):
    wizard = wizard_for("a.shop.example", "b.shop.example")
    wizard.csr("a.shop.example", "b.shop.example")
    wizard.contacts()
    first, second = wizard.activation.names.all()
    answer = wizard.post("activation-methods", {"all": "each", f"method-{first.pk}": "http-01"})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [f"method-{second.pk}"]
    assert [n.method for n in wizard.activation.names.all()] == ["http-01", ""]
    assert wizard.activation.methods_done_at is None
    assert not Issuance.objects.exists()


@pytest.mark.parametrize("method", ["email", "tls-alpn-01", "", "dns-01 "])
def test_it_refuses_a_method_that_cannot_be_had(wizard, method):
    wizard.csr()
    wizard.contacts()
    assert wizard.finish(method).status_code == 422
    assert not Issuance.objects.exists()


def test_it_refuses_http_for_a_wildcard(wizard_for):
    wizard = wizard_for("*.shop.example")
    wizard.csr("*.shop.example", common="wildcard-1")
    wizard.contacts()
    answer = wizard.post("activation-methods", wizard.methods("http-01"))
    assert answer.status_code == 422
    assert "Not for a wildcard" in answer.content.decode()


def test_finish_asks_for_the_certificate_once(wizard):
    wizard.walk()
    wizard.finish()
    wizard.finish()
    assert Issuance.objects.count() == AcmeOrder.objects.count() == 1
    assert wizard.running.texts == ["shop.example"]
    assert Entry.objects.filter(action="activation:finished", plan_id=wizard.plan.pk).count() == 1


def test_finish_takes_a_pasted_csr_under_a_reserved_name(wizard):
    der = samples.csr(["shop.example"])
    wizard.paste(samples.pem(der), "shop.example")
    wizard.contacts()
    assert wizard.finish().status_code == 302
    assert bytes(wizard.running.csr) == der


def test_finish_says_what_is_missing_when_no_ca_can_fulfil(wizard):
    CaAccount.objects.update(enabled=False)
    wizard.csr()
    wizard.contacts()
    answer = wizard.finish()
    assert answer.status_code == 409
    assert "No certificate authority is set up" in answer.content.decode()
    assert wizard.activation.finished_at is None
    assert wizard.activation.methods_done_at is not None


def test_other_names_withdraw_the_request_and_finish_makes_a_new_one(wizard):
    wizard.walk()
    first = wizard.running
    wizard.csr("shopp.example")
    first.refresh_from_db()
    assert first.state == "withdrawn"
    assert wizard.get().url == wizard.url("activation-methods")
    assert wizard.finish().status_code == 302
    assert wizard.running.texts == ["shopp.example"]
    assert Issuance.objects.count() == 2


@pytest.mark.parametrize("change", [{"key_type": "rsa-2048"}, {"organization": "Archer"}, {"country": "DE"}])
def test_another_key_or_subject_withdraws_the_request(wizard, change):
    wizard.walk()
    wizard.csr(**change)
    assert Issuance.objects.get().state == "withdrawn"
    assert wizard.activation.finished_at is None


def test_another_csr_withdraws_the_request_and_the_same_one_does_not(wizard):
    text = samples.pem(samples.csr(["shop.example"]))
    wizard.paste(text, "shop.example")
    wizard.contacts()
    wizard.finish()
    wizard.paste("leading words\r\n" + text.replace("\n", "\r\n"), "shop.example")
    assert Issuance.objects.get().state == "wanted"
    wizard.paste(samples.pem(samples.csr(["shop.example"], key=samples.key_of("ec-p384"))), "shop.example")
    assert Issuance.objects.get().state == "withdrawn"


def test_saving_the_same_again_or_other_contacts_withdraws_nothing(wizard):
    wizard.walk()
    wizard.csr()
    wizard.contacts(admin_phone="+49 30 1234567")
    assert Issuance.objects.get().state == "wanted"
    assert wizard.activation.finished_at is not None


def test_another_method_keeps_the_request(wizard):
    wizard.walk()
    wizard.finish("http-01")
    assert Issuance.objects.count() == 1
    assert wizard.running.names[0]["method"] == "http-01"


def test_a_draft_changes_nothing_that_runs(wizard):
    wizard.walk()
    since = wizard.get("activation-csr").context["since"]
    wizard.post("activation-csr-draft", GENERATED | lines("other.example") | {"since": since})
    assert wizard.texts == ["shop.example"]
    assert Issuance.objects.get().state == "wanted"
    page = wizard.get("activation-csr").content.decode()
    assert 'value="other.example"' in page
    assert "Here is what you typed last time" in page


def test_a_draft_that_arrives_after_the_step_was_saved_is_dropped(wizard):
    since = wizard.get("activation-csr").context["since"]
    wizard.csr("better.example")
    assert (
        wizard.post("activation-csr-draft", GENERATED | lines("old.example") | {"since": since}).status_code
        == 204
    )
    assert wizard.activation.drafts == {}


def test_too_many_requests_within_a_day_are_refused(wizard, monkeypatch):
    monkeypatch.setattr(finishing, "MOST_REQUESTS", 2)
    wizard.walk("a.example")
    wizard.csr("b.example")
    wizard.finish()
    wizard.csr("c.example")
    answer = wizard.finish()
    assert answer.status_code == 409
    assert "within a day" in answer.content.decode()


# --- who may not come in ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GET_PAGES)
def test_a_strangers_plan_does_not_exist(wizard, bob, client, name):
    wizard.walk()
    client.force_login(bob)
    assert wizard.get(name).status_code == 404


@pytest.mark.parametrize("name", POST_DOORS)
def test_a_stranger_can_change_nothing(wizard, bob, client, name):
    wizard.walk()
    before = Activation.objects.values().get()
    client.force_login(bob)
    assert wizard.post(name, GENERATED | lines("evil.example")).status_code == 404
    assert Activation.objects.values().get() == before


@pytest.mark.parametrize("name", POSITION_DOORS)
def test_a_stranger_can_press_no_button_of_a_name(wizard, bob, client, name):
    wizard.walk()
    client.force_login(bob)
    assert wizard.post(name, {"method": "http-01"}, 1).status_code == 404
    assert wizard.get("activation-file", 1).status_code == 404


def test_nobody_comes_in_without_signing_in(wizard, client):
    client.logout()
    assert wizard.get("activation-csr").url.startswith("/accounts/login/")
    assert wizard.post("activation-methods").url.startswith("/accounts/login/")


@pytest.mark.parametrize(
    "name",
    [d for d in POST_DOORS if d not in {"activation-csr", "activation-contacts", "activation-methods"}],
)
def test_changes_need_post(wizard, name):
    assert wizard.get(name).status_code == 405


def test_changes_need_the_token(wizard, alice):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    careful = Wizard(strict, wizard.plan)
    assert careful.csr().status_code == 403


@pytest.mark.parametrize("state", [Plan.State.SUSPENDED, Plan.State.ENDED])
def test_a_plan_that_does_not_run_says_so(wizard, state):
    wizard.csr()
    Plan.objects.update(state=state)
    for name in GET_PAGES[:-1]:
        page = wizard.get(name)
        assert page.status_code == 200
        assert ("suspended" if state == "suspended" else "has ended") in page.content.decode()
    assert wizard.csr("evil.example").status_code == 403
    assert wizard.texts == ["shop.example"]


def test_after_the_first_certificate_the_steps_are_read_only(wizard):
    wizard.walk()
    wizard.plan.refresh_from_db()
    AcmeOrder.objects.all().delete()
    Issuance.objects.all().delete()
    certificate_for(wizard.plan)
    for name in ("activation-csr", "activation-contacts", "activation-methods"):
        page = wizard.get(name).content.decode()
        assert "This can no longer be changed here" in page
        assert '<fieldset class="stack" disabled>' in page
        assert 'type="submit">Finish' not in page
    assert wizard.csr("evil.example").url == wizard.url("overview")
    assert wizard.contacts(admin_name="Mallory").url == wizard.url("overview")
    assert wizard.finish("http-01").url == wizard.url("overview")
    assert wizard.post("activation-csr-draft", GENERATED).status_code == 409
    assert wizard.texts == ["shop.example"]
    assert wizard.activation.admin_name == "Alice Archer"
    assert wizard.get("activation-approve").url == wizard.url("overview")


# --- speed --------------------------------------------------------------------------------------------------------


def queries(wizard, name):
    with CaptureQueriesContext(connection) as captured:
        assert wizard.get(name).status_code == 200
    return len(captured)


@pytest.mark.parametrize("name", ["activation-csr", "activation-contacts", "activation-methods"])
def test_a_page_asks_as_often_for_25_names_as_for_one(wizard_for, name):
    counts = []
    for many in (1, 25):
        wizard = wizard_for(*(f"n{n}.shop.example" for n in range(many)))
        wizard.walk(*wizard.ordered)
        counts.append(queries(wizard, name))
    assert counts[0] == counts[1]
    assert counts[0] <= 13
