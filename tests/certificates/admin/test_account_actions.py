"""What an operator has done at the CA: another key, contact, terms, the end; profiles that people can keep up with."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import Entry
from certificates.connection import connect, register
from certificates.issuance.opening_account import account_for
from certificates.models import AcmeOrder, CaAccount, ProductIssuer
from certificates.vault import seal_for_account
from tests.certificates.admin.test_account import HMAC, filled, page
from tests.certificates.connectors.rough_ca import Reply, problem
from tests.certificates.issuance.keyed_ca import KeyedCa
from tests.factories import CaAccountFactory, ProductFactory, ProductIssuerFactory, issuance_for, plan_for
from validation.models import Authorization

pytestmark = pytest.mark.django_db


@pytest.fixture
def ca(tmp_path):
    server = KeyedCa(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def oscar(client, operator):
    client.force_login(operator)
    return client


@pytest.fixture
def account(ca):
    """An account that the CA knows."""
    made = CaAccountFactory(
        name="Keyed CA",
        directory_url=ca.url("/directory"),
        roots_pem=ca.roots_pem,
        contact="ops@portal.example",
    )
    register(made, connect(made), timezone.now())
    return made


def address(account, name: str) -> str:
    return reverse(f"admin:certificates_caaccount_{name}", args=[account.pk])


def said(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def stored(account, **changes):
    """The form of an account as it is stored."""
    data = filled(
        name=account.name, directory_url=account.directory_url, roots_pem=account.roots_pem, contact=account.contact,
        terms_agreed="on" if account.terms_agreed_at else "", preferred_root="",
    )  # fmt: skip
    return data | changes


def names(account) -> list[str]:
    rows = Entry.objects.filter(object_id=str(account.pk), action__startswith="ca_account:").order_by("pk")
    return [entry.action.removeprefix("ca_account:") for entry in rows]


# --- another key ------------------------------------------------------------------------------------------------------


def test_the_key_is_changed_after_a_confirmation_with_a_reason(oscar, operator, ca, account):
    before, url = bytes(account.sealed_key), address(account, "key")
    assert url in oscar.get(page(account)).content.decode()
    asked = oscar.get(url).content.decode()
    assert "Change the key" in asked
    assert ca.asked_for["keyChange"] == 0
    assert oscar.post(url, {"reason": ""}).status_code == 422
    response = oscar.post(url, {"reason": "yearly change"}, follow=True)
    assert "another key now" in said(response)
    account.refresh_from_db()
    assert bytes(account.sealed_key) != before
    wanted, changed = Entry.objects.filter(action__startswith="ca_account:key").order_by("pk")
    assert (wanted.actor, wanted.details["reason"]) == (operator.email, "yearly change")
    assert changed.action == "ca_account:key_changed"
    assert connect(account).account().url == account.account_url


def test_a_change_that_has_to_wait_for_customers_is_refused_in_words(oscar, ca, account, alice):
    wanted = issuance_for(plan_for(alice, "shop.example", account=account), due_at=timezone.now())
    order = wanted.acme_orders.get()
    row = Authorization.objects.create(
        owner=alice, url="https://ca.example/authz/1", identifier="shop.example", method="dns-01",
        created_at=timezone.now(), shown_at=timezone.now(),
    )  # fmt: skip
    order.authorizations.add(row)
    response = oscar.post(address(account, "key"), {"reason": "yearly change"}, follow=True)
    assert "For 1 name the record is in place" in said(response)
    assert ca.asked_for["keyChange"] == 0


def test_a_refused_change_points_to_the_audit_log(oscar, ca, account):
    ca.spoil("keyChange", problem("badPublicKey"))
    response = oscar.post(address(account, "key"), {"reason": "yearly change"}, follow=True)
    assert "was not changed" in said(response)
    assert names(account) == ["key_wanted", "key_kept"]


def test_an_unfinished_change_is_shown(oscar, ca, account):
    CaAccount.objects.filter(pk=account.pk).update(sealed_next_key=account.sealed_key)
    text = oscar.get(page(account)).content.decode()
    assert "is not finished" in text
    assert "Its key is being changed" in text


def test_saving_the_form_never_brings_an_old_key_back(oscar, ca, account, monkeypatch):
    """The form was opened before the key was changed, and is saved after it."""
    from certificates.admin.account import CaAccountAdmin

    seen = CaAccountAdmin.save_model

    def late(self, request, obj, form, change):
        CaAccount.objects.filter(pk=account.pk).update(
            sealed_key=b"new",
            account_url="https://ca.example/account/new",
            paused_why="meanwhile",
            failures=7,
        )
        seen(self, request, obj, form, change)

    monkeypatch.setattr(CaAccountAdmin, "save_model", late)
    assert oscar.post(page(account), stored(account, name="Renamed")).status_code == 302
    account.refresh_from_db()
    assert (account.name, bytes(account.sealed_key), account.account_url, account.failures) == (
        "Renamed", b"new", "https://ca.example/account/new", 7,
    )  # fmt: skip


# --- contact and terms -------------------------------------------------------------------------------------------------


def test_a_new_contact_is_stored_and_sent(oscar, ca, account):
    response = oscar.post(page(account), stored(account, contact="new@portal.example"), follow=True)
    assert "The CA has the contact" in said(response)
    assert ca.updates == [{"contact": ["mailto:new@portal.example"]}]
    oscar.post(page(account), stored(account, contact="new@portal.example", name="Other name"))
    assert len(ca.updates) == 1, "nothing new to tell"
    oscar.post(page(account), stored(account, contact="", name="Other name"))
    assert ca.updates[-1] == {"contact": []}


@pytest.mark.parametrize(
    "reply",
    [problem("invalidContact", detail="<b>No MX</b>"), problem("serverInternal", 500), Reply(dies="before")],
)
def test_a_contact_that_the_ca_did_not_take_is_kept_and_sent_again_by_the_button(oscar, ca, account, reply):
    ca.spoil("account", reply)
    response = oscar.post(page(account), stored(account, contact="new@portal.example"), follow=True)
    assert "stored here, but the CA has not been told" in said(response)
    assert "<b>No MX</b>" not in response.content.decode()
    account.refresh_from_db()
    assert account.contact == "new@portal.example"
    assert "The CA has the contact" in said(oscar.post(address(account, "contact"), follow=True))
    assert ca.updates == [{"contact": ["mailto:new@portal.example"]}]
    assert oscar.get(address(account, "contact")).status_code == 405


def test_a_contact_of_an_account_not_opened_yet_goes_with_its_opening(oscar, ca, account):
    CaAccount.objects.filter(pk=account.pk).update(account_url="")
    oscar.post(page(account), stored(account, contact="new@portal.example"))
    assert ca.updates == []
    assert "not opened yet" in said(oscar.post(address(account, "contact"), follow=True))


def terms(ca, url: str) -> None:
    ca.directory["meta"] = {"termsOfService": url}


def test_new_terms_are_found_by_the_connection_test_shown_and_agreed_to(oscar, operator, ca, account):
    terms(ca, "https://ca.example/terms/1")
    CaAccount.objects.filter(pk=account.pk).update(
        terms_agreed_at=timezone.now(),
        terms_url="https://ca.example/terms/1",
        terms_offered="https://ca.example/terms/1",
    )
    url = address(account, "terms")
    assert url not in oscar.get(page(account)).content.decode()
    assert "no new terms" in said(oscar.get(url, follow=True))
    terms(ca, "https://ca.example/terms/2")
    assert "other terms of service" in oscar.post(address(account, "test")).content.decode()
    text = oscar.get(page(account)).content.decode()
    assert "other terms of service" in text
    assert url in text
    assert "https://ca.example/terms/2" in oscar.get(url).content.decode()
    assert oscar.post(url, {}).status_code == 422
    assert ca.updates == []
    response = oscar.post(url, {"agreed": "on"}, follow=True)
    assert "are agreed to" in said(response)
    account.refresh_from_db()
    assert (account.terms_url, account.has_new_terms) == ("https://ca.example/terms/2", False)
    assert ca.updates == [{"contact": ["mailto:ops@portal.example"], "termsOfServiceAgreed": True}]
    entry = Entry.objects.get(action="ca_account:terms_agreed")
    assert (entry.actor, entry.details["terms"]) == (operator.email, "https://ca.example/terms/2")


@pytest.mark.parametrize(
    ("reply", "agreed"), [(problem("serverInternal", 500), False), (problem("malformed"), True)]
)
def test_agreement_that_the_ca_did_not_hear_is_not_stored(oscar, ca, account, reply, agreed):
    CaAccount.objects.filter(pk=account.pk).update(terms_offered="https://ca.example/terms/2")
    ca.spoil("account", reply)
    oscar.post(address(account, "terms"), {"agreed": "on"})
    account.refresh_from_db()
    assert (account.terms_agreed_at is not None) == agreed


def test_where_the_ca_waits_for_the_operator_is_a_link(oscar, account):
    account.pause("userActionRequired: new terms", timezone.now(), "https://ca.example/agree/1")
    text = oscar.get(page(account)).content.decode()
    assert 'href="https://ca.example/agree/1"' in text
    assert address(account, "resume") in text


def test_a_place_to_go_that_is_no_web_page_is_no_link(oscar, account):
    account.pause("userActionRequired", timezone.now(), "javascript:alert(1)")
    assert 'href="javascript' not in oscar.get(page(account)).content.decode()


# --- the end -----------------------------------------------------------------------------------------------------------


def test_an_account_is_given_up_only_by_its_typed_name(oscar, operator, ca, account):
    url, at_ca = address(account, "give-up"), account.account_url
    assert oscar.post(url, {"typed": "keyed ca", "reason": "moving on"}).status_code == 422
    assert ca.updates == []
    response = oscar.post(url, {"typed": "Keyed CA", "reason": "moving on"}, follow=True)
    assert "given up and disabled" in said(response)
    assert ca.closed == {at_ca}
    account.refresh_from_db()
    assert (account.enabled, account.account_url, account.sealed_key) == (False, "", None)
    entry = Entry.objects.get(action="ca_account:deactivated")
    assert (entry.actor, entry.details) == (operator.email, {"reason": "moving on", "url": at_ca})


def test_an_account_in_use_is_not_given_up(oscar, ca, account, alice):
    wanted = issuance_for(plan_for(alice, "shop.example", account=account), due_at=timezone.now())
    AcmeOrder.objects.filter(issuance=wanted).update(intent_at=timezone.now())
    response = oscar.post(
        address(account, "give-up"), {"typed": "Keyed CA", "reason": "moving on"}, follow=True
    )
    assert "1 order is under way" in said(response)
    assert ca.updates == []
    account.refresh_from_db()
    assert account.enabled


@pytest.mark.parametrize("acts", [True, False])
def test_an_end_whose_answer_was_lost_is_repeated(oscar, ca, account, acts):
    ca.spoil("account", Reply(dies="before"), acts=acts)
    data = {"typed": "Keyed CA", "reason": "moving on"}
    assert "was not given up" in said(oscar.post(address(account, "give-up"), data, follow=True))
    account.refresh_from_db()
    assert (account.enabled, account.account_url != "") == (False, True), "no new order begins meanwhile"
    assert "given up and disabled" in said(oscar.post(address(account, "give-up"), data, follow=True))
    assert len(ca.closed) == 1


# --- bindings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["externalAccountRequired", "unauthorized"])
def test_a_binding_can_be_replaced_when_the_ca_refuses_it(oscar, ca, account, word):
    sealed = bytes(account.sealed_key)
    fixed = oscar.get(page(account)).content.decode()
    assert 'name="eab_hmac"' not in fixed
    account.pause(f"urn:ietf:params:acme:error:{word}: Binding revoked.", timezone.now())
    assert 'name="eab_hmac"' in oscar.get(page(account)).content.decode()
    assert oscar.post(page(account), stored(account, eab_kid="kid-2", eab_hmac=HMAC)).status_code == 302
    account.refresh_from_db()
    assert (account.eab_kid, account.account_url) == ("kid-2", "")
    assert account.sealed_key is None or bytes(account.sealed_key) != sealed
    register(account, connect(account), timezone.now())
    assert ca.bindings == ["kid-2"]
    account.refresh_from_db()
    assert account.sealed_eab_hmac is None


def test_a_spent_binding_does_not_keep_the_form_from_being_saved(oscar, ca, account):
    CaAccount.objects.filter(pk=account.pk).update(eab_kid="kid-1")
    account.pause("unauthorized", timezone.now())
    assert oscar.post(page(account), stored(account, eab_kid="kid-1", name="Renamed")).status_code == 302


@pytest.mark.parametrize(("reusable", "status"), [("", 200), ("on", 302)])
def test_one_account_per_customer_needs_a_binding_that_serves_several(oscar, account, reusable, status):
    CaAccount.objects.filter(pk=account.pk).update(
        account_url="", eab_kid="kid-1", sealed_eab_hmac=seal_for_account(account, "eab hmac", HMAC.encode())
    )
    data = stored(account, eab_kid="kid-1", per_customer="on", eab_reusable=reusable)
    response = oscar.post(page(account), data)
    assert response.status_code == status
    if status == 200:
        assert "per_customer" in response.context["adminform"].form.errors


# --- profiles ----------------------------------------------------------------------------------------------------------

OFFERED = {"classic": "Usual", "tlsserver": "Quick", "odd": "Unknown"}


@pytest.fixture
def offered(account):
    CaAccount.objects.filter(pk=account.pk).update(profiles=OFFERED)
    account.refresh_from_db()
    return account


def inline(product, profile: str, issuer: ProductIssuer | None = None) -> dict:
    return {
        "issuers-TOTAL_FORMS": 1, "issuers-INITIAL_FORMS": 1 if issuer else 0, "issuers-0-id": issuer.pk if issuer else "",
        "issuers-0-product": product.pk, "issuers-0-position": 0, "issuers-0-profile": profile,
    }  # fmt: skip


def test_profiles_are_kept_by_the_connection_test_and_offered_for_products(oscar, ca, account):
    ca.directory["meta"] = {"profiles": OFFERED}
    oscar.post(address(account, "test"))
    account.refresh_from_db()
    assert account.profiles == OFFERED
    text = oscar.get(page(account)).content.decode()
    assert '<option value="classic"' in text
    product = ProductFactory()
    assert oscar.post(page(account), stored(account, **inline(product, "classic"))).status_code == 302
    assert ProductIssuer.objects.get(product=product).profile == "classic"


@pytest.mark.parametrize("profile", ["tlsserver", "nonesuch", "odd"])
def test_a_profile_for_machines_or_one_that_is_none_is_refused(oscar, offered, profile):
    CaAccount.objects.filter(pk=offered.pk).update(pending_lives={"odd": 1800})
    response = oscar.post(page(offered), stored(offered, **inline(ProductFactory(), profile)))
    assert response.status_code == 200
    errors = response.context["inline_admin_formsets"][0].formset.errors
    assert "profile" in errors[0]
    if profile != "nonesuch":
        assert "minutes to show a name" in str(errors)
    assert not ProductIssuer.objects.filter(account=offered).exists()


@pytest.mark.parametrize("profile", ["shortlived", "tlsserver"])
def test_the_accounts_own_profile_is_held_to_the_same(oscar, offered, profile):
    response = oscar.post(page(offered), stored(offered, profile=profile))
    assert "profile" in response.context["adminform"].form.errors


def test_a_profile_that_the_ca_dropped_stays_visible(oscar, offered):
    ProductIssuerFactory(account=offered, profile="tlsclient")
    assert "tlsclient (no longer offered)" in oscar.get(page(offered)).content.decode()


def test_choosing_another_profile_wakes_what_waited_for_an_operator(oscar, offered, alice):
    wanted = issuance_for(plan_for(alice, "shop.example", account=offered), waiting_for="operator")
    AcmeOrder.objects.filter(issuance=wanted).update(due_at=timezone.now() + timedelta(hours=1))
    issuer = ProductIssuer.objects.get(account=offered)
    data = stored(offered, **inline(issuer.product, "classic", issuer))
    assert oscar.post(page(offered), data).status_code == 302
    assert wanted.acme_orders.get().due_at <= timezone.now()


def test_measured_time_is_shown(oscar, offered):
    CaAccount.objects.filter(pk=offered.pk).update(pending_lives={"": 604800, "classic": 3600})
    text = oscar.get(page(offered)).content.decode()
    assert "168.0 h" in text
    assert "too short for people" in text


# --- customers' accounts -----------------------------------------------------------------------------------------------


def test_the_list_shows_the_houses_accounts_and_customers_on_demand(oscar, account, alice):
    CaAccount.objects.filter(pk=account.pk).update(per_customer=True)
    child = account_for(account, alice, timezone.now())
    url = reverse("admin:certificates_caaccount_changelist")
    shown = {
        whose: oscar.get(url, {"whose": whose} if whose else {}).context["cl"].queryset
        for whose in ("", "customers", "all")
    }
    assert account in shown[""]
    assert child not in shown[""]
    assert set(shown["customers"]) == {child}
    assert {account, child} <= set(shown["all"])


def test_a_customers_account_is_read_and_led_by_its_pattern(oscar, account, alice):
    CaAccount.objects.filter(pk=account.pk).update(per_customer=True)
    account.refresh_from_db()
    child = account_for(account, alice, timezone.now())
    text = oscar.get(page(child)).content.decode()
    assert 'name="_save"' not in text
    assert alice.email in text
    assert page(account) in text
    assert oscar.post(page(child), stored(child)).status_code == 403
    assert (
        oscar.post(
            page(account), stored(account, contact="led@portal.example", per_customer="on")
        ).status_code
        == 302
    )
    child.refresh_from_db()
    assert child.contact == "led@portal.example"


def test_a_customers_account_that_was_given_up_opens_another_with_the_next_order(oscar, ca, account, alice):
    CaAccount.objects.filter(pk=account.pk).update(per_customer=True)
    account.refresh_from_db()
    child = account_for(account, alice, timezone.now())
    register(child, connect(child), timezone.now())
    first = child.account_url
    response = oscar.post(
        address(child, "give-up"), {"typed": child.name, "reason": "by request"}, follow=True
    )
    assert "given up" in said(response)
    assert ca.closed == {first}
    child.refresh_from_db()
    assert (child.enabled, child.account_url) == (True, "")
    register(child, connect(child), timezone.now())
    assert child.account_url not in {"", first}


def test_the_pattern_counts_the_orders_of_its_customers(oscar, account, alice):
    CaAccount.objects.filter(pk=account.pk).update(per_customer=True)
    account.refresh_from_db()
    wanted = issuance_for(plan_for(alice, "shop.example", account=account))
    child = account_for(account, alice, timezone.now())
    AcmeOrder.objects.filter(issuance=wanted).update(account=child)
    url = reverse("admin:certificates_caaccount_changelist")
    rows = oscar.get(url, {"whose": "all"}).context["cl"].queryset
    assert {row.pk: row.waiting_orders for row in rows} == {account.pk: 1, child.pk: 1}


def test_orders_are_filtered_by_the_houses_accounts_and_found_with_their_customers(oscar, account, alice):
    CaAccount.objects.filter(pk=account.pk).update(per_customer=True)
    account.refresh_from_db()
    wanted = issuance_for(plan_for(alice, "shop.example", account=account))
    elsewhere = issuance_for(plan_for(alice, "other.example"))
    child = account_for(account, alice, timezone.now())
    AcmeOrder.objects.filter(issuance=wanted).update(account=child)
    url = reverse("admin:certificates_acmeorder_changelist")
    listed = oscar.get(url, {"ca": str(account.pk)})
    assert [order.issuance for order in listed.context["cl"].queryset] == [wanted]
    assert f"?ca={child.pk}" not in listed.content.decode()
    assert f"?ca={account.pk}" in oscar.get(page(account)).content.decode()
    theirs = re.search(r'acmeorder/\?([^"]+)"', oscar.get(page(child)).content.decode()).group(1)
    assert list(oscar.get(f"{url}?{theirs}").context["cl"].queryset) == [wanted.acme_orders.get()]
    everything = oscar.get(url, {"ca": "nonsense"}).context["cl"].queryset
    assert {order.issuance for order in everything} == {wanted, elsewhere}


def test_resuming_the_pattern_wakes_the_customers_orders(oscar, account, alice):
    CaAccount.objects.filter(pk=account.pk).update(per_customer=True)
    account.refresh_from_db()
    wanted = issuance_for(plan_for(alice, "shop.example", account=account), waiting_for="operator")
    child = account_for(account, alice, timezone.now())
    AcmeOrder.objects.filter(issuance=wanted).update(
        account=child, due_at=timezone.now() + timedelta(hours=1)
    )
    account.pause("userActionRequired", timezone.now())
    assert "pattern of this account is paused" in oscar.get(page(child)).content.decode()
    oscar.post(address(account, "resume"))
    assert wanted.acme_orders.get().due_at <= timezone.now()


@pytest.mark.parametrize("name", ["key", "contact", "terms", "give-up"])
def test_support_reaches_none_of_it(client, support, account, name):
    client.force_login(support)
    assert (
        client.post(address(account, name), {"reason": "because", "typed": account.name}).status_code == 403
    )
