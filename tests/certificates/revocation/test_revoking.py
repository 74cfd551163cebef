"""Revocations as the queue works them, against a CA whose every answer can be spoilt."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import Letter
from audit.models import Entry
from certificates import issuance, vault
from certificates.models import AcmeOrder, CaAccount, Certificate, PrivateKey, Revocation
from certificates.revocation import NotPossible, request, revoke
from leases import LEASE, LeaseLost
from portal import sweeping
from tests.certificates.connectors.rough_ca import Reply, problem
from tests.certificates.issuance.desk import Desk
from tests.factories import plan_for

pytestmark = pytest.mark.django_db

Reason = Revocation.Reason


@pytest.fixture
def certificate(desk: Desk, alice) -> Certificate:
    """A certificate that this CA signed for alice, its key in the vault."""
    return issued(desk, alice)


def issued(desk: Desk, owner, *names: str, key_type: str = "ec-p256") -> Certificate:
    plan = plan_for(owner, *names, account=desk.account)
    plan.activation.key_type = key_type
    plan.activation.save()
    wanted = issuance.request(plan, by=owner, now=desk.now)
    desk.run_until_issued(wanted)
    return Certificate.objects.get(issuance=wanted)


def ask(certificate: Certificate, reason: Reason = Reason.SUPERSEDED) -> Revocation:
    return request(certificate, reason, by=certificate.owner, now=timezone.now())


def work() -> bool:
    return sweeping.work_one("revocations")


def serial(certificate: Certificate) -> int:
    return int(certificate.serial, 16)


def fresh(row):
    return type(row).objects.get(pk=row.pk)


def letters(kind: str) -> int:
    return Letter.objects.filter(kind=kind).count()


def entries(action: str) -> int:
    return Entry.objects.filter(action=action).count()


def test_asking_only_writes_a_row_that_is_due(desk, ca, certificate):
    row = ask(certificate)
    assert row.due_at is not None
    assert fresh(certificate).state == "valid"
    assert ca.revocations == []
    assert entries("certificate:revocation_asked") == 1


@pytest.mark.parametrize("reason", list(Reason))
def test_the_account_that_ordered_it_has_it_revoked(desk, ca, certificate, reason):
    row = ask(certificate, reason)
    assert work()
    assert ca.revoked == {serial(certificate): (int(reason), "account")}
    row, certificate = fresh(row), fresh(certificate)
    assert (row.due_at, row.lease_until, row.problem, row.by_certificate_key) == (None, None, None, False)
    assert certificate.state == "revoked"
    assert certificate.revoked_at == row.done_at
    assert (letters("certificate_revoked"), entries("certificate:revoked")) == (1, 1)
    certificate.plan.refresh_from_db()
    assert certificate.plan.state == "active"
    assert not work()


def test_asked_twice_it_is_revoked_once(desk, ca, certificate):
    first, second = ask(certificate), ask(certificate)
    assert first.pk == second.pk
    work()
    assert len(ca.revocations) == 1
    with pytest.raises(NotPossible, match="before"):
        ask(certificate)
    assert entries("certificate:revocation_asked") == 1


def test_what_the_ca_has_revoked_already_is_done(desk, ca, certificate):
    ca.revoked[serial(certificate)] = (4, "account")
    row = ask(certificate)
    work()
    assert fresh(row).done_at is not None
    assert fresh(certificate).state == "revoked"


def test_a_certificate_that_expired_cannot_be_asked_for(desk, certificate):
    desk.clock.move_to(certificate.not_after)
    with pytest.raises(NotPossible, match="expired"):
        ask(certificate)
    assert not Revocation.objects.exists()


def test_one_that_expires_meanwhile_ends_without_a_call(desk, ca, certificate):
    row = ask(certificate)
    desk.clock.move_to(certificate.not_after)
    work()
    row = fresh(row)
    assert (row.due_at, row.problem["type"]) == (None, "chancery:certificate_expired")
    assert ca.revocations == []
    assert fresh(certificate).state == "valid"  # until the calendar marks it expired
    assert letters("revocation_refused") == 0


def test_a_superseded_certificate_can_be_revoked_and_its_successor_stays(desk, ca, alice, certificate):
    again = issuance.request(certificate.plan, by=alice, now=desk.now, kind="rekey")
    desk.run_until_issued(again)
    assert fresh(certificate).state == "superseded"
    assert ca.revoked == {}, "a reissue revokes nothing by itself"
    ask(fresh(certificate))
    work()
    assert fresh(certificate).state == "revoked"
    assert Certificate.objects.get(issuance=again).state == "valid"
    assert list(ca.revoked) == [serial(certificate)]


# --- transport and CA trouble: no state changes -----------------------------------------------------------------


TROUBLE = {
    "500": problem("serverInternal", 500),
    "503": Reply(503, b"<html>later</html>", content_type="text/html"),
    "429": problem("rateLimited", 429, headers={"Retry-After": "7200"}),
    "reset": Reply(dies="before"),
    "half": Reply(body=b"x" * 200, dies="mid-body"),
    "proxy": Reply(404, b"<html>no</html>", content_type="text/html"),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_trouble_on_the_way_changes_nothing_but_the_next_moment(desk, ca, certificate, name):
    ca.spoil_always("revokeCert", TROUBLE[name])
    row, seen = ask(certificate), []
    for _try in range(7):
        desk.clock.move_to(fresh(row).due_at + timedelta(milliseconds=1))
        before = desk.now
        assert work()
        seen.append(fresh(row).due_at - before)
        assert fresh(certificate).state == "valid"
    row = fresh(row)
    assert (row.done_at, row.refused_at, row.tries) == (None, None, 7)
    assert row.under_way
    assert seen[-1] >= timedelta(minutes=10 if name == "503" else 59)
    if name == "429":
        assert min(seen) >= timedelta(minutes=119), "the CA's own time wins"
    ca.heal()
    desk.clock.move_to(row.due_at + timedelta(milliseconds=1))
    work()
    assert fresh(certificate).state == "revoked"
    assert fresh(row).problem is None


def test_an_answer_that_was_lost_costs_one_harmless_repeat(desk, ca, certificate):
    ca.spoil("revokeCert", Reply(dies="before"), acts=True)
    row = ask(certificate)
    work()
    assert list(ca.revoked) == [serial(certificate)]
    assert fresh(certificate).state == "valid"
    desk.clock.move_to(fresh(row).due_at + timedelta(milliseconds=1))
    work()
    assert fresh(certificate).state == "revoked"
    assert letters("certificate_revoked") == 1


# --- crashes and races --------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process dies here: nothing in the program may catch it."""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_that_dies_around_the_call_leaves_it_to_the_next(desk, ca, certificate, monkeypatch, moment):
    from certificates.connectors.acme import AcmeConnector

    real = AcmeConnector.revoke

    def dying(self, *args, **kwargs):
        if moment == "after":
            real(self, *args, **kwargs)
        raise Killed

    row = ask(certificate)
    with monkeypatch.context() as patch:
        patch.setattr(AcmeConnector, "revoke", dying)
        with pytest.raises(Killed):
            work()
    assert fresh(certificate).state == "valid"
    assert not work(), "its lease still runs"
    desk.clock.move_to(desk.now + LEASE + timedelta(seconds=1))
    assert work()
    assert fresh(certificate).state == "revoked"
    assert fresh(row).done_at is not None
    assert len(ca.revocations) <= 2
    assert (letters("certificate_revoked"), entries("certificate:revoked")) == (1, 1)


def test_a_worker_that_stood_still_past_its_lease_writes_nothing(desk, ca, certificate):
    ask(certificate)
    zombie = Revocation.objects.claim_next(timezone.now())
    desk.clock.move_to(desk.now + LEASE + timedelta(seconds=1))
    ca.spoil("revokeCert", problem("serverInternal", 500))
    assert work()
    waiting = fresh(zombie)
    with pytest.raises(LeaseLost):
        revoke(zombie)
    assert (fresh(zombie).due_at, fresh(zombie).tries) == (waiting.due_at, 1)
    assert fresh(certificate).state == "valid"


def test_a_zombie_whose_call_succeeds_does_not_write_over_the_other(desk, ca, certificate, monkeypatch):
    """The slow worker's call is on its way when the lease lapses and another worker finishes the work."""
    from certificates.revocation import revoking

    row, real = ask(certificate), revoking._send

    def slow(*args):
        real(*args)
        monkeypatch.setattr(revoking, "_send", real)
        desk.clock.move_to(desk.now + LEASE + timedelta(seconds=1))
        assert work()

    monkeypatch.setattr(revoking, "_send", slow)
    assert work()
    assert fresh(row).done_at is not None
    assert len(ca.revocations) == 2
    assert (letters("certificate_revoked"), entries("certificate:revoked")) == (1, 1)


# --- when the account cannot speak for it -----------------------------------------------------------------------


def forget_account(ca) -> None:
    ca.accounts.clear()


@pytest.mark.parametrize("key_type", ["rsa-2048", "ec-p256", "ec-p384"])
def test_the_certificates_own_key_speaks_when_the_ca_forgot_the_account(desk, ca, alice, key_type):
    certificate = issued(desk, alice, key_type=key_type)
    forget_account(ca)
    row = ask(certificate, Reason.KEY_COMPROMISE)
    work()
    assert ca.revoked == {serial(certificate): (1, "key")}
    assert fresh(row).by_certificate_key
    assert Entry.objects.get(action="certificate:revoked").details["by_certificate_key"] is True


def test_it_speaks_when_another_account_is_in_its_place(desk, ca, certificate):
    ca.owners[serial(certificate)] = "https://ca.example/account/of-somebody"
    ask(certificate)
    work()
    assert ca.revoked == {serial(certificate): (4, "key")}


def test_it_speaks_when_the_ca_wants_its_new_terms_read_first(desk, ca, certificate):
    ca.spoil("revokeCert", problem("userActionRequired", 403))
    ask(certificate)
    work()
    assert ca.revoked == {serial(certificate): (4, "key")}


def test_an_account_whose_address_we_forgot_is_found_again(desk, ca, certificate):
    CaAccount.objects.update(account_url="")
    ask(certificate)
    work()
    assert ca.revoked == {serial(certificate): (4, "account")}
    assert len(ca.accounts) == 1


def test_no_second_account_is_opened_to_revoke(desk, ca, certificate):
    CaAccount.objects.update(account_url="")
    forget_account(ca)
    ask(certificate)
    work()
    assert ca.accounts == {}
    assert ca.revoked == {serial(certificate): (4, "key")}


def test_a_change_of_the_account_key_is_waited_for_but_not_for_ever(desk, ca, certificate):
    ca.owners[serial(certificate)] = "https://ca.example/account/of-somebody"
    CaAccount.objects.update(next_key_at=timezone.now())
    row = ask(certificate)
    for tries in range(1, 5):
        work()
        assert (fresh(row).tries, fresh(row).under_way) == (tries, True)
        desk.clock.move_to(fresh(row).due_at + timedelta(milliseconds=1))
    work()
    assert ca.revoked == {serial(certificate): (4, "key")}


def test_trouble_while_the_key_speaks_is_only_trouble(desk, ca, certificate):
    forget_account(ca)
    ca.spoil("revokeCert", problem("unauthorized", 403), problem("serverInternal", 500))
    row = ask(certificate)
    work()
    assert fresh(row).under_way
    desk.clock.move_to(fresh(row).due_at + timedelta(milliseconds=1))
    work()
    assert ca.revoked == {serial(certificate): (4, "key")}


def test_a_certificate_from_before_its_account_was_kept_is_its_orders(desk, ca, certificate):
    Certificate.objects.update(account=None)
    ask(certificate)
    work()
    assert ca.revoked == {serial(certificate): (4, "account")}


def test_one_whose_ca_nobody_knows_is_an_operators_task(desk, ca, certificate):
    Certificate.objects.update(account=None)
    AcmeOrder.objects.update(status="invalid")
    row = ask(certificate)
    work()
    assert fresh(row).refused
    assert fresh(row).problem["type"] == "chancery:no_account"


# --- refusals -----------------------------------------------------------------------------------------------------


def destroy(certificate: Certificate, now: datetime) -> None:
    PrivateKey.objects.get(issuance__certificate=certificate).destroy(now)


def test_without_account_and_key_it_is_refused_and_everybody_is_told(desk, ca, certificate):
    destroy(certificate, desk.now)
    forget_account(ca)
    row = ask(certificate)
    work()
    row = fresh(row)
    assert row.refused
    assert (row.due_at, row.problem["type"]) == (None, "urn:ietf:params:acme:error:accountDoesNotExist")
    assert fresh(certificate).state == "valid"
    assert (letters("revocation_refused"), entries("certificate:revocation_refused")) == (1, 1)
    assert "does not accept our word" in Letter.objects.get(kind="revocation_refused").body
    assert not work()


def test_a_reason_the_ca_does_not_take_is_final_until_another_is_given(desk, ca, certificate):
    ca.reasons = {0, 1, 4, 5}
    row = ask(certificate, Reason.AFFILIATION_CHANGED)
    work()
    assert fresh(row).refused
    assert fresh(row).problem["type"].endswith("badRevocationReason")
    again = ask(certificate, Reason.CESSATION_OF_OPERATION)
    assert (again.pk, again.refused, again.tries, again.problem) == (row.pk, False, 0, None)
    work()
    assert ca.revoked == {serial(certificate): (5, "account")}
    assert fresh(certificate).state == "revoked"


def test_a_certificate_the_ca_has_lost_is_refused(desk, ca, certificate):
    ca.spoil_always("revokeCert", problem("malformed", 404, "No such certificate."))
    row = ask(certificate)
    work()
    assert fresh(row).refused


@pytest.mark.parametrize("typ", ["malformed", "badPublicKey", "urn:example:unheard-of"])
def test_what_only_an_operator_can_mend_is_tried_again_by_the_hour(desk, ca, certificate, typ):
    ca.spoil_always("revokeCert", problem(typ, 400, "Hm."))
    row = ask(certificate)
    for _try in range(3):
        desk.clock.move_to(fresh(row).due_at + timedelta(milliseconds=1))
        work()
        assert fresh(row).under_way
        assert fresh(row).due_at - desk.now > timedelta(minutes=59)
    assert entries("acme_order:problem") == 1, "told once"
    ca.heal()
    desk.clock.move_to(fresh(row).due_at + timedelta(milliseconds=1))
    work()
    assert fresh(certificate).state == "revoked"


def test_a_key_that_cannot_be_opened_waits_for_an_operator(desk, ca, certificate, settings):
    old = settings.KEY_ENCRYPTION_KEYS
    settings.KEY_ENCRYPTION_KEYS = vault.ring().newest + "x:" + "q83vEjRWeJASNFZ4kBI0VniQEjRWeJASNFZ4kBI0Vng="
    row = ask(certificate)
    work()
    assert fresh(row).under_way
    assert fresh(row).problem["type"] == "chancery:cannot_unseal"
    settings.KEY_ENCRYPTION_KEYS = old
    desk.clock.move_to(fresh(row).due_at + timedelta(milliseconds=1))
    work()
    assert fresh(certificate).state == "revoked"


def test_no_key_is_ever_written_down(desk, ca, certificate, caplog):
    caplog.set_level(logging.DEBUG)
    key = vault.open_key(certificate.issuance.key)
    forget_account(ca)
    ask(certificate)
    work()
    told = caplog.text + str(list(Entry.objects.values_list("details", flat=True)))
    told += "".join(letter.body for letter in Letter.objects.all())
    assert key.hex() not in told.lower()
    assert repr(key)[2:60] not in told
    assert "PRIVATE KEY" not in told
