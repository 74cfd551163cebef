"""One account per customer: made before anything is sent, led by its pattern, and never two of one customer's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import Entry
from certificates.issuance import opening_account
from certificates.issuance.opening_account import account_for, hand_down
from certificates.models import AcmeOrder, CaAccount, Certificate
from tests.certificates.connectors.rough_ca import problem
from tests.certificates.issuance.desk import newest
from tests.certificates.issuance.keyed_ca import KeyedCa
from tests.factories import CaAccountFactory, UserFactory

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HMAC = "AAECAwQFBgcICQoLDA0ODw"


@pytest.fixture
def little_ca(tmp_path):
    server = KeyedCa(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def pattern(desk):
    CaAccount.objects.filter(pk=desk.account.pk).update(per_customer=True, preferred_root="Small Root")
    desk.account.refresh_from_db()
    return desk.account


def test_each_customer_has_an_account_of_their_own_and_the_pattern_none(desk, alice, bob, pattern):
    for owner, name in ((alice, "a.example"), (bob, "b.example"), (alice, "c.example")):
        desk.run_until_issued(desk.wish(owner, name))
    children = CaAccount.objects.filter(parent=pattern)
    assert {child.customer for child in children} == {alice, bob}
    assert len({child.account_url for child in children} - {""}) == 2
    assert len({bytes(child.sealed_key) for child in children}) == 2
    assert not any(child.shared for child in children)
    pattern.refresh_from_db()
    assert (pattern.account_url, pattern.sealed_key) == ("", None)
    assert len(desk.ca.accounts) == 2
    for order in AcmeOrder.objects.select_related("account", "issuance__plan"):
        assert order.account.customer_id == order.issuance.plan.owner_id
    assert {certificate.account.customer for certificate in Certificate.objects.all()} == {alice, bob}
    assert Entry.objects.filter(action="ca_account:for_customer").count() == 2


def test_a_customers_account_is_named_after_the_pattern_and_them(db, alice):
    house = CaAccountFactory(name="N" * 80, per_customer=True)
    child = account_for(house, alice, alice.date_joined)
    assert child.name.endswith(f" · {str(alice.pk)[:8]}")
    assert len(child.name) <= 80
    assert account_for(house, alice, alice.date_joined).pk == child.pk


def test_two_customers_whose_ids_begin_alike_have_two_accounts(db):
    house = CaAccountFactory(per_customer=True)
    first = UserFactory(id="12345678-0000-4000-8000-000000000001")
    second = UserFactory(id="12345678-0000-4000-8000-000000000002")
    third = UserFactory(id="12345678-0000-4000-8000-000000000003")
    made = [account_for(house, person, house_time()) for person in (first, second, third)]
    assert len({child.name for child in made}) == 3
    assert len({child.pk for child in made}) == 3


def house_time():
    from django.utils import timezone

    return timezone.now()


def test_the_connection_follows_the_pattern_at_once(desk, alice, pattern):
    desk.shows = False
    wanted = desk.wish(alice, "a.example")
    desk.run(MINUTE)
    child = newest(wanted).account
    assert child.parent == pattern
    desk.ca.spoil("newOrder")
    CaAccount.objects.filter(pk=pattern.pk).update(contact="ops@portal.example")
    child.refresh_from_db()
    from certificates.connection import connect

    assert connect(CaAccount.objects.get(pk=child.pk))._endpoint.contact == ("mailto:ops@portal.example",)
    pattern.refresh_from_db()
    assert hand_down(pattern) == 1
    child.refresh_from_db()
    assert child.contact == "ops@portal.example"


def test_every_column_that_is_handed_down_exists_and_no_secret_is(db):
    columns = {field.name for field in CaAccount._meta.concrete_fields}
    assert set(opening_account.HANDED_DOWN) <= columns
    assert not any(name.startswith("sealed") for name in opening_account.HANDED_DOWN)


def test_pausing_the_pattern_pauses_every_customers_account(desk, alice, pattern):
    desk.run_until_issued(desk.wish(alice, "a.example"))
    pattern.pause("Terms", desk.now)
    before = desk.ca.counted
    wanted = desk.wish(alice, "b.example")
    desk.run(timedelta(minutes=30))
    assert newest(wanted).waiting_for == "operator"
    assert desk.ca.counted == before
    assert pattern.resume()
    AcmeOrder.objects.open().wake(desk.now)
    desk.run_until_issued(wanted)


def test_an_order_under_way_stands_still_with_the_pattern(desk, alice, pattern):
    desk.shows = False
    wanted = desk.wish(alice, "a.example")
    desk.run(MINUTE)
    pattern.pause("Terms", desk.now)
    desk.shows = True
    before = desk.ca.counted
    desk.run(timedelta(minutes=30))
    assert desk.ca.counted == before
    assert newest(wanted).waiting_for == "operator"


def test_disabling_the_pattern_sends_the_next_order_elsewhere(desk, alice, pattern):
    desk.run_until_issued(desk.wish(alice, "a.example"))
    CaAccount.objects.filter(pk=pattern.pk).update(enabled=False)
    CaAccount.objects.filter(parent=pattern).update(enabled=True)
    pattern.refresh_from_db()
    child = CaAccount.objects.get(parent=pattern)
    assert not child.is_usable
    child.enabled, child.parent.enabled = False, True
    assert not child.is_usable


@pytest.mark.parametrize(("word", "whom"), [("userActionRequired", "pattern"), ("invalidContact", "child")])
def test_what_all_would_meet_pauses_the_pattern_and_what_is_ones_own_only_that(
    desk, alice, pattern, word, whom
):
    desk.ca.spoil_always("newOrder", problem(word, 403, instance="https://ca.example/agree/1"))
    wanted = desk.wish(alice, "a.example")
    desk.run(MINUTE)
    pattern.refresh_from_db()
    child = newest(wanted).account
    assert (pattern.paused_at is not None) == (whom == "pattern")
    assert (child.paused_at is not None) == (whom == "child")
    paused = pattern if whom == "pattern" else child
    assert paused.paused_link == "https://ca.example/agree/1"
    paused.resume()
    paused.refresh_from_db()
    assert paused.paused_link == ""


@pytest.mark.parametrize("reusable", [True, False])
def test_a_binding_for_one_account_cannot_serve_one_per_customer(desk, alice, bob, pattern, reusable):
    from certificates.vault import seal_for_account

    sealed = seal_for_account(pattern, "eab hmac", HMAC.encode())
    CaAccount.objects.filter(pk=pattern.pk).update(
        eab_kid="kid-1", eab_reusable=reusable, sealed_eab_hmac=sealed
    )
    wanted = desk.wish(alice, "a.example")
    if reusable:
        desk.run_until_issued(wanted)
        assert desk.ca.bindings == ["kid-1"]
        pattern.refresh_from_db()
        assert pattern.sealed_eab_hmac is not None, "the next customer needs it"
        return
    order = desk.settle(wanted)
    assert (order.waiting_for, order.problem["type"]) == ("operator", "chancery:single_use_binding")
    assert desk.ca.counted == 0
    assert not CaAccount.objects.filter(parent=pattern).exists()


def test_an_order_that_may_have_been_sent_by_the_pattern_stays_there(desk, alice):
    desk.ca.lists_orders = True
    desk.ca.spoil("newOrder", problem("serverInternal", 500), acts=True)
    wanted = desk.wish(alice, "a.example")
    desk.run(MINUTE, until=lambda: newest(wanted).intent_at is not None)
    CaAccount.objects.filter(pk=desk.account.pk).update(per_customer=True)
    desk.run_until_issued(wanted)
    assert newest(wanted).account == desk.account
    assert len(desk.ca.orders) == 1


def test_children_are_nobodys_choice_for_a_product(desk, alice, pattern):
    wanted = desk.wish(alice, "a.example")
    desk.run_until_issued(wanted)
    assert list(CaAccount.objects.for_product(wanted.plan.product)) == [pattern]
    assert list(CaAccount.objects.house()) == [pattern]
    assert CaAccount.objects.same_ca(pattern).count() == 2


def test_a_ca_that_forgot_everything_is_told_each_account_again(desk, alice, pattern):
    desk.run_until_issued(desk.wish(alice, "a.example"))
    desk.ca.forget_everything()
    desk.run_until_issued(desk.wish(alice, "b.example"))
    assert CaAccount.objects.filter(parent=pattern).count() == 1
