"""Profiles that a CA offers, and those that people can keep up with."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from certificates.models import AcmeOrder, CaAccount, ProductIssuer
from tests.certificates.admin.account_actions.forms import address, stored
from tests.certificates.admin.test_account import page
from tests.factories import ProductFactory, ProductIssuerFactory, issuance_for, plan_for

pytestmark = pytest.mark.django_db


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
