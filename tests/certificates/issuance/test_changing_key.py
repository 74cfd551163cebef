"""Another account key: refused while customers have published, and whatever dies while it is changed, the right key is found."""

from __future__ import annotations

import base64
import secrets
from datetime import timedelta

import pytest

import outbound
from audit.models import Entry
from certificates import vault
from certificates.connection import connect, speaker
from certificates.issuance import changing_key
from certificates.issuance.changing_key import NotNow, Outcome, ask, go_on
from certificates.models import AcmeOrder, CaAccount, Certificate
from tests.certificates.connectors.rough_ca import Reply, problem
from tests.certificates.issuance.desk import newest
from tests.certificates.issuance.keyed_ca import KeyedCa
from validation.models import Authorization, Challenge

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def little_ca(tmp_path):
    server = KeyedCa(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def opened(desk, alice):
    """An account that has issued a certificate already."""
    desk.run_until_issued(desk.wish(alice, "first.example"))
    desk.account.refresh_from_db()
    return desk.account


def change(desk, operator) -> Outcome:
    ask(desk.account, by=operator, now=desk.now)
    return go_on(desk.account, by=operator, now=desk.now)


def thumbprint(account: CaAccount) -> str:
    return speaker(account, bytes(account.sealed_key)).thumbprint


def issues(desk, alice, name: str) -> None:
    """The account still speaks to the CA, and by the right key at once."""
    before = desk.ca.wrong_keys
    wanted = desk.wish(alice, name)
    desk.run_until_issued(wanted)
    assert desk.ca.wrong_keys == before


def words(desk) -> list[str]:
    rows = Entry.objects.filter(object_id=str(desk.account.pk)).order_by("pk")
    return [
        entry.action.removeprefix("ca_account:")
        for entry in rows
        if entry.action.startswith("ca_account:key")
    ]


def test_the_account_keeps_its_url_and_speaks_by_another_key(desk, alice, operator, opened):
    url, before = opened.account_url, thumbprint(opened)
    assert change(desk, operator) is Outcome.CHANGED
    desk.account.refresh_from_db()
    assert (desk.account.account_url, desk.account.sealed_next_key, desk.account.next_key_at) == (
        url,
        None,
        None,
    )
    assert thumbprint(desk.account) != before
    assert words(desk) == ["key_wanted", "key_changed"]
    issues(desk, alice, "second.example")


def test_an_account_that_was_never_opened_has_no_key_to_change(desk, operator):
    with pytest.raises(NotNow, match="has not been opened yet"):
        ask(desk.account, by=operator, now=desk.now)
    assert not Entry.objects.filter(action__startswith="ca_account:key").exists()


def test_it_is_refused_while_a_customers_record_is_in_place(desk, alice, operator, opened):
    desk.shows = False
    wanted = desk.wish(alice, "shop.example", "www.shop.example")
    desk.run(MINUTE)
    Authorization.objects.filter(identifier="shop.example").update(shown_at=desk.now, due_at=None)
    with pytest.raises(NotNow, match="For 1 name the"):
        change(desk, operator)
    desk.account.refresh_from_db()
    assert desk.account.next_key_at is None
    desk.shows = True
    desk.run_until_issued(wanted)
    assert change(desk, operator) is Outcome.CHANGED


def test_it_is_refused_while_the_ca_is_looking(desk, alice, operator, opened):
    desk.ca.validates = "never"
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: newest(wanted).answered_at is not None)
    Authorization.objects.filter(identifier="shop.example").update(shown_at=None)
    with pytest.raises(NotNow):
        change(desk, operator)


def test_what_nobody_has_published_yet_is_asked_for_anew(desk, alice, operator, opened):
    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE)
    challenge = Challenge.objects.get(authorization__identifier="shop.example", type="dns-01")
    old = challenge.key_authorization
    assert change(desk, operator) is Outcome.CHANGED
    challenge.refresh_from_db()
    desk.account.refresh_from_db()
    assert challenge.key_authorization == f"{challenge.token}.{thumbprint(desk.account)}" != old
    assert challenge.authorization.due_at <= desk.now
    assert Entry.objects.get(action="ca_account:key_changed").details["names_to_show_anew"] == 1
    desk.shows = True
    desk.run_until_issued(wanted)


def test_other_accounts_challenges_are_left_alone(desk, alice, operator, opened, db):
    from tests.factories import CaAccountFactory, ProductIssuerFactory

    other = CaAccountFactory(directory_url=opened.directory_url, roots_pem=opened.roots_pem)
    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    ProductIssuerFactory(product=wanted.plan.product, account=other, position=1)
    AcmeOrder.objects.filter(issuance=wanted).update(account=other)
    desk.run(MINUTE)
    before = list(Challenge.objects.values_list("key_authorization", flat=True))
    assert change(desk, operator) is Outcome.CHANGED
    assert list(Challenge.objects.values_list("key_authorization", flat=True)) == before


# --- whatever dies ------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Nobody catches it, as nobody catches a SIGKILL."""


def kill_at(moment: str, name: str, nth: int = 1):
    seen = 0

    def watcher(when, call):
        nonlocal seen
        if (when, call.name) == (moment, name):
            seen += 1
            if seen == nth:
                raise Killed

    return watcher


@pytest.mark.parametrize(
    ("moment", "call"),
    [("before", "ca.keyChange"), ("after", "ca.keyChange"), ("before", "ca.newNonce")],
)
def test_a_process_that_dies_leaves_a_change_that_the_next_order_finishes(
    desk, alice, operator, opened, moment, call, monkeypatch
):
    if call == "ca.newNonce":
        from certificates.connectors.rfc8555 import client

        client._clients.clear()
    watcher = kill_at(moment, call)
    outbound.watch(watcher)
    try:
        with pytest.raises(Killed):
            change(desk, operator)
    finally:
        outbound.unwatch(watcher)
    desk.account.refresh_from_db()
    assert desk.account.sealed_next_key is not None, "committed before the call"
    assert desk.account.sealed_key is not None
    issues(desk, alice, "second.example")
    desk.account.refresh_from_db()
    assert (desk.account.sealed_next_key, desk.account.next_key_at) == (None, None)
    assert words(desk) == ["key_wanted", "key_changed"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_whoever_connects_after_a_crash_speaks_by_the_right_key(desk, operator, opened, moment):
    """Revocation and the like come without an order, and while the change is nobody's."""
    watcher = kill_at(moment, "ca.keyChange")
    outbound.watch(watcher)
    try:
        with pytest.raises(Killed):
            change(desk, operator)
    finally:
        outbound.unwatch(watcher)
    account = CaAccount.objects.get(pk=desk.account.pk)
    connector = connect(account)
    assert connector.update_account(contact=[]).url == account.account_url
    assert desk.ca.wrong_keys == 0
    assert (account.sealed_next_key is None) == (moment == "after")
    # The lost process's wish is taken up again, and nothing is changed twice.
    desk.wait(changing_key.HELD)
    assert change(desk, operator) is Outcome.CHANGED
    assert connect(CaAccount.objects.get(pk=account.pk)).account().url == account.account_url


@pytest.mark.parametrize(
    "reply", [Reply(dies="before"), problem("serverInternal", 500), Reply(200, b"x" * 9, dies="mid-body")]
)
def test_a_lost_answer_to_a_change_that_was_made_is_looked_up(desk, alice, operator, opened, reply):
    desk.ca.spoil("keyChange", reply, acts=True)
    assert change(desk, operator) is Outcome.CHANGED
    issues(desk, alice, "second.example")


@pytest.mark.parametrize("reply", [Reply(dies="before"), problem("serverInternal", 500)])
def test_a_lost_answer_to_a_change_that_was_not_made_keeps_both_keys(desk, alice, operator, opened, reply):
    before = thumbprint(opened)
    desk.ca.spoil("keyChange", reply)
    assert change(desk, operator) is Outcome.KEPT
    desk.account.refresh_from_db()
    kept = bytes(desk.account.sealed_next_key)
    assert thumbprint(desk.account) == before
    assert desk.account.next_key_at is None, "orders go on"
    issues(desk, alice, "second.example")
    desk.account.refresh_from_db()
    assert bytes(desk.account.sealed_next_key) == kept, "the CA might still do it"
    assert change(desk, operator) is Outcome.CHANGED
    desk.account.refresh_from_db()
    assert bytes(desk.account.sealed_key) == kept


def test_a_ca_that_goes_down_in_the_middle_keeps_both_keys_and_is_asked_later(desk, alice, operator, opened):
    desk.ca.spoil("keyChange", Reply(dies="before"), acts=True)
    desk.ca.spoil("newAccount", problem("serverInternal", 503))
    assert change(desk, operator) is Outcome.KEPT
    desk.account.refresh_from_db()
    assert desk.account.sealed_next_key is not None
    issues(desk, alice, "second.example")
    desk.account.refresh_from_db()
    assert desk.account.sealed_next_key is None
    assert words(desk) == ["key_wanted", "key_kept", "key_changed"]


@pytest.mark.parametrize(
    "reply",
    [
        problem("badPublicKey"),
        problem("unauthorized", 403),
        problem("malformed", 409),
        problem("rateLimited", 429),
    ],
)
def test_a_change_that_the_ca_refuses_is_forgotten_and_told(desk, alice, operator, opened, reply):
    before = thumbprint(opened)
    desk.ca.spoil("keyChange", reply)
    assert change(desk, operator) is Outcome.KEPT
    desk.account.refresh_from_db()
    assert (desk.account.sealed_next_key, desk.account.next_key_at) == (None, None)
    assert thumbprint(desk.account) == before
    entry = Entry.objects.get(action="ca_account:key_kept")
    assert entry.details["problem"]["type"] == reply.body["type"]
    issues(desk, alice, "second.example")


@pytest.mark.parametrize("word", ["unauthorized", "malformed", "externalAccountRequired"])
def test_a_ca_that_says_odd_things_of_an_unknown_key_does_not_stop_the_orders(
    desk, alice, operator, opened, word
):
    desk.ca.spoil("keyChange", problem("serverInternal", 500))
    assert change(desk, operator) is Outcome.KEPT
    desk.ca.spoil_always("newAccount", problem(word, 403))
    issues(desk, alice, "second.example")
    desk.account.refresh_from_db()
    assert desk.account.paused_at is None


def test_a_ca_in_trouble_about_its_account_while_the_key_is_unknown_pauses_it(desk, alice, operator, opened):
    desk.ca.spoil("keyChange", problem("serverInternal", 500))
    assert change(desk, operator) is Outcome.KEPT
    desk.ca.spoil_always("newAccount", problem("userActionRequired", 403))
    order = desk.settle(desk.wish(alice, "second.example"))
    assert order.waiting_for == "operator"
    desk.account.refresh_from_db()
    assert desk.account.paused_at is not None
    assert desk.account.sealed_next_key is not None


# --- who else is at it ----------------------------------------------------------------------------------------------------


def test_it_waits_for_orders_that_are_being_worked_on(desk, alice, operator, opened):
    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    held = AcmeOrder.objects.claim(newest(wanted).pk, desk.now)
    assert change(desk, operator) is Outcome.WAITING
    assert desk.ca.asked_for["keyChange"] == 0
    AcmeOrder.objects.get(pk=held.pk).let_go(desk.now)
    desk.wait(changing_key.SOON)
    assert go_on(desk.account, by=operator, now=desk.now) is Outcome.CHANGED


def test_orders_stand_still_while_another_process_is_at_it(desk, alice, operator, opened):
    ask(desk.account, by=operator, now=desk.now)
    CaAccount.objects.filter(pk=opened.pk).update(next_key_at=desk.now + changing_key.HELD)
    wanted = desk.wish(alice, "shop.example")
    before = desk.ca.counted
    desk.run(timedelta(minutes=4))
    assert desk.ca.counted == before
    desk.run_until_issued(wanted)
    assert words(desk) == ["key_wanted", "key_changed"]


def test_a_name_shown_between_wish_and_change_keeps_the_key(desk, alice, operator, opened):
    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE)
    ask(desk.account, by=operator, now=desk.now)
    Authorization.objects.filter(identifier="shop.example").update(shown_at=desk.now, due_at=None)
    assert go_on(desk.account, by=operator, now=desk.now) is Outcome.KEPT
    assert (
        Entry.objects.get(action="ca_account:key_kept").details["problem"]["type"]
        == "chancery:names_in_place"
    )
    desk.run_until_issued(wanted)


def test_two_operators_change_it_once(desk, operator, opened):
    ask(desk.account, by=operator, now=desk.now)
    ask(CaAccount.objects.get(pk=opened.pk), by=operator, now=desk.now)
    second = CaAccount.objects.get(pk=opened.pk)
    assert go_on(desk.account, by=operator, now=desk.now) is Outcome.CHANGED
    assert go_on(second, by=operator, now=desk.now) is Outcome.KEPT
    assert words(desk) == ["key_wanted", "key_changed"]
    assert desk.ca.asked_for["keyChange"] == 1


def test_no_key_and_no_signature_is_in_the_audit_log(desk, operator, opened):
    change(desk, operator)
    desk.account.refresh_from_db()
    told = str(list(Entry.objects.values_list("details", flat=True)))
    assert thumbprint(desk.account) not in told
    assert "PRIVATE" not in told


def test_wrapping_keys_anew_keeps_a_waiting_one_and_never_brings_an_old_one_back(
    desk, operator, opened, settings
):
    desk.ca.spoil("keyChange", problem("serverInternal", 500))
    change(desk, operator)
    stale = CaAccount.objects.get(pk=opened.pk)
    fresh_kek = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    settings.KEY_ENCRYPTION_KEYS = f"new:{fresh_kek}," + settings.KEY_ENCRYPTION_KEYS
    fresh = CaAccount.objects.get(pk=opened.pk)
    assert vault.rewrap_account(fresh)
    assert not vault.rewrap_account(stale), "its columns are no longer what is stored"
    assert change(desk, operator) is Outcome.CHANGED
    assert Certificate.objects.count() == 1


def test_what_is_given_back_to_the_ca_waits_for_the_key_too(desk, alice, operator, opened):
    desk.shows = False
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE)
    from certificates import issuance

    ask(desk.account, by=operator, now=desk.now)
    CaAccount.objects.filter(pk=opened.pk).update(next_key_at=desk.now + changing_key.HELD)
    issuance.withdraw(wanted, by=alice, now=desk.now)
    before = desk.ca.asked_for["deactivate"]
    desk.run(timedelta(minutes=4))
    assert desk.ca.asked_for["deactivate"] == before
    desk.run(timedelta(minutes=4))
    assert desk.ca.asked_for["deactivate"] == before + 1
    assert desk.ca.wrong_keys == 0
