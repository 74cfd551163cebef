"""What each group of the staff may do, to the letter."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group

from accounts.groups import GROUPS, OPERATORS, SUPPORT, grant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _as_migrated(db):
    """A test that flushes the database takes the groups of the migration with it."""
    if not Group.objects.exists():
        grant(apps)


SUPPORT_MAY = {
    "accounts.view_letter",
    "audit.view_entry",
    "certificates.retrigger_validation",
    "certificates.view_acmeorder",
    "certificates.view_activation",
    "certificates.view_activationname",
    "certificates.view_campaign",
    "certificates.view_certificate",
    "certificates.view_inspection",
    "certificates.view_issuance",
    "certificates.view_renewalinfo",
    "certificates.view_revocation",
    "orders.view_order",
    "orders.view_orderitem",
    "orders.view_ordername",
    "orders.view_payment",
    "orders.view_plan",
    "orders.view_refund",
    "validation.view_authorization",
    "validation.view_challenge",
    "validation.view_control",
    "validation.view_approval",
    "validation.view_delegation",
    "validation.view_probe",
    "validation.view_publication",
}
OPERATORS_MAY_TOO = {
    "accounts.view_user",
    "certificates.add_caaccount",
    "certificates.add_calimit",
    "certificates.add_campaign",
    "certificates.add_productissuer",
    "certificates.add_revocation",
    "certificates.change_caaccount",
    "certificates.change_calimit",
    "certificates.change_campaign",
    "certificates.change_productissuer",
    "certificates.delete_calimit",
    "certificates.delete_productissuer",
    "certificates.view_caaccount",
    "certificates.view_calimit",
    "certificates.view_productissuer",
    "orders.add_agreement",
    "orders.add_price",
    "orders.add_product",
    "orders.add_refund",
    "orders.change_plan",
    "orders.change_price",
    "orders.change_product",
    "orders.delete_price",
    "orders.delete_product",
    "orders.view_agreement",
    "orders.view_gatewayevent",
    "orders.view_price",
    "orders.view_product",
}


def test_support_may_see_the_story_and_look_again_and_nothing_more(support):
    assert support.get_all_permissions() == SUPPORT_MAY


def test_operators_may_run_the_shop_and_nothing_more(operator):
    assert operator.get_all_permissions() == SUPPORT_MAY | OPERATORS_MAY_TOO


def test_support_may_change_add_or_delete_nothing():
    assert [p for p in SUPPORT if not p.split(".")[1].startswith("view_")] == [
        "certificates.retrigger_validation"
    ]


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_nobody_has_any_permission_on_keys_people_or_groups(group):
    held = GROUPS[group]
    assert not [
        p for p in held if "privatekey" in p or p.startswith(("auth.", "mfa.", "account.", "sessions."))
    ]
    assert not held & {"accounts.add_user", "accounts.change_user", "accounts.delete_user"}


def test_every_permission_in_the_lists_exists():
    for name, wanted in GROUPS.items():
        assert Group.objects.get(name=name).permissions.count() == len(wanted)


def test_granting_again_takes_back_what_was_added_by_hand():
    group = Group.objects.get(name="support")
    group.permissions.add(*Group.objects.get(name="operators").permissions.all())
    grant(apps)
    assert {f"{p.content_type.app_label}.{p.codename}" for p in group.permissions.all()} == SUPPORT


def test_a_customer_may_nothing(alice):
    assert alice.get_all_permissions() == set()


def test_operators_may_everything_support_may():
    assert SUPPORT < OPERATORS
