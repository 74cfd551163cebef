"""External account binding through the engine: spent once, forgotten when spent, replaced when refused; and new terms."""

from __future__ import annotations

from datetime import timedelta

import pytest

import outbound
from certificates.models import AcmeOrder, CaAccount
from certificates.vault import seal_for_account
from tests.certificates.connectors.rough_ca import Reply, problem
from tests.certificates.issuance.desk import newest
from tests.certificates.issuance.keyed_ca import KeyedCa

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HMAC = "AAECAwQFBgcICQoLDA0ODw"


@pytest.fixture
def little_ca(tmp_path):
    server = KeyedCa(tmp_path)
    yield server
    server.stop()


def bound(desk, *, reusable: bool = False) -> None:
    sealed = seal_for_account(desk.account, "eab hmac", HMAC.encode())
    CaAccount.objects.filter(pk=desk.account.pk).update(
        eab_kid="kid-1", eab_reusable=reusable, sealed_eab_hmac=sealed
    )
    desk.ca.wants_binding = True


def test_a_spent_binding_is_forgotten_and_the_account_is_opened_once(desk, alice):
    bound(desk)
    desk.run_until_issued(desk.wish(alice, "a.example"))
    desk.account.refresh_from_db()
    assert (desk.account.sealed_eab_hmac, desk.account.eab_kid) == (None, "kid-1")
    desk.run_until_issued(desk.wish(alice, "b.example"))
    assert desk.ca.bindings == ["kid-1"]


class Killed(BaseException):
    pass


def test_a_crash_between_new_account_and_its_url_spends_no_second_binding(desk, alice):
    bound(desk)
    seen: list[str] = []

    def watcher(moment, call):
        if (moment, call.name) == ("after", "ca.newAccount"):
            seen.append(call.name)
            if len(seen) == 2:
                raise Killed

    wanted = desk.wish(alice, "a.example")
    outbound.watch(watcher)
    try:
        with pytest.raises(Killed):
            desk.run(MINUTE)
    finally:
        outbound.unwatch(watcher)
    desk.account.refresh_from_db()
    assert desk.ca.bindings == ["kid-1"]
    assert (desk.account.account_url, desk.account.sealed_eab_hmac is None) == ("", False)
    desk.run_until_issued(wanted)
    assert desk.ca.bindings == ["kid-1"]
    desk.account.refresh_from_db()
    assert desk.account.sealed_eab_hmac is None


def test_a_binding_that_somebody_else_has_spent_pauses_the_ca_until_it_is_replaced(desk, alice):
    bound(desk)
    desk.ca.bindings.append("kid-1")
    wanted = desk.wish(alice, "a.example")
    desk.run(MINUTE)
    desk.account.refresh_from_db()
    assert "unauthorized" in desk.account.paused_why
    sealed = seal_for_account(desk.account, "eab hmac", HMAC.encode())
    CaAccount.objects.filter(pk=desk.account.pk).update(eab_kid="kid-2", sealed_eab_hmac=sealed)
    desk.account.resume()
    AcmeOrder.objects.open().wake(desk.now)
    desk.run_until_issued(wanted)
    assert desk.ca.bindings == ["kid-1", "kid-2"]


def test_an_account_that_the_ca_has_closed_is_not_taken_for_a_new_one(desk, alice):
    desk.ca.spoil_always("newAccount", closed(desk))
    wanted = desk.wish(alice, "a.example")
    order = desk.settle(wanted)
    assert order.waiting_for == "operator"
    desk.account.refresh_from_db()
    assert (desk.account.account_url, desk.account.paused_at is not None) == ("", True)


def closed(desk):
    return Reply(200, {"status": "deactivated"}, {"Location": desk.ca.url("/account/0")})


def test_a_ca_that_forgot_a_bound_account_wants_a_new_binding(desk, alice):
    bound(desk)
    desk.run_until_issued(desk.wish(alice, "a.example"))
    desk.ca.forget_everything()
    wanted = desk.wish(alice, "b.example")
    desk.run(MINUTE)
    desk.account.refresh_from_db()
    assert newest(wanted).waiting_for == "operator"
    assert "has been used. Enter" in desk.account.paused_why
    assert desk.ca.bindings == ["kid-1"]


def test_terms_that_the_ca_wants_agreed_to_are_remembered_for_the_operator(desk, alice):
    link = {"Link": '<https://ca.example/terms/7>;rel="terms-of-service"'}
    desk.ca.spoil(
        "newOrder", problem("userActionRequired", 403, instance="https://ca.example/agree", headers=link)
    )
    desk.wish(alice, "a.example")
    desk.run(MINUTE)
    desk.account.refresh_from_db()
    assert desk.account.has_new_terms
    assert (desk.account.terms_offered, desk.account.paused_link) == (
        "https://ca.example/terms/7",
        "https://ca.example/agree",
    )
    assert desk.account.terms_offered_at is not None
    seen = desk.account.terms_offered_at
    desk.run(timedelta(hours=1))
    desk.account.refresh_from_db()
    assert desk.account.terms_offered_at == seen, "since when it says so, not when it last said so"
