"""The engine against a real CA: one certificate per issuance, to the right customer, whatever dies in between."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from django.core import mail
from django.utils import timezone

from accounts.models import Letter
from audit.models import Entry
from certificates import issuance, keys, vault
from certificates.connectors.acme import AcmeConnector
from certificates.models import AcmeOrder, Certificate, Issuance, PrivateKey
from leases import LeaseLost
from tests.certificates.issuance.conftest import issue, run_until, show, step
from tests.factories import plan_for
from validation.models import Authorization, Challenge, Control

pytestmark = [pytest.mark.town, pytest.mark.django_db]


def wish(owner, account, *names, **kwargs) -> Issuance:
    return issuance.request(plan_for(owner, *names, account=account, **kwargs), by=owner, now=timezone.now())


def newest(wanted: Issuance) -> AcmeOrder:
    return wanted.acme_orders.order_by("-attempt").first()


def test_it_issues_a_certificate_that_fits_its_key_and_names(alice, account):
    wanted = wish(alice, account, "shop.example", "*.shop.example")
    issue(wanted)

    certificate = Certificate.objects.get(issuance=wanted)
    leaf = x509.load_pem_x509_certificate(certificate.leaf_pem.encode())
    key = keys.load_own(vault.open_key(wanted.key))
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(san.get_values_for_type(x509.DNSName)) == {"shop.example", "*.shop.example"}
    assert keys.spki_sha256(leaf.public_key()) == keys.spki_sha256(key.public_key())
    assert wanted.plan.certificates.count() == 1
    wanted.plan.refresh_from_db()
    assert wanted.plan.state == "active"


def test_it_writes_one_letter_and_one_audit_entry_for_the_issue(alice, account):
    wanted = wish(alice, account)
    issue(wanted)
    letter = Letter.objects.get(kind="certificate_issued")
    assert letter.to == "alice@example.org"
    assert "shop.example" in letter.subject
    assert "PRIVATE KEY" not in letter.body
    assert "BEGIN CERTIFICATE" not in letter.body
    assert Entry.objects.filter(action="certificate:issued").count() == 1
    assert mail.outbox == []  # written here, sent by the letter box


def test_it_waits_for_the_customer_without_asking_the_ca_to_look(alice, account):
    wanted = wish(alice, account)
    run_until(wanted, lambda: newest(wanted).waiting_for == "customer")
    order = newest(wanted)
    assert order.status == "pending"
    assert order.due_at > timezone.now() + dt.timedelta(minutes=5)
    assert order.answered_at is None
    assert not Challenge.objects.filter(answered_at__isnull=False).exists()


def test_it_answers_only_when_every_name_is_shown(alice, account):
    wanted = wish(alice, account, "one.example", "two.example")
    run_until(wanted, lambda: newest(wanted).waiting_for == "customer")
    order = newest(wanted)
    Authorization.objects.filter(identifier="one.example").update(shown_at=timezone.now(), due_at=None)
    AcmeOrder.objects.filter(pk=order.pk).wake(timezone.now())
    step(order)
    order.refresh_from_db()
    assert order.answered_at is None
    show(order)
    issue(wanted)
    assert Certificate.objects.count() == 1


def test_a_second_customer_does_not_inherit_the_first_ones_proof(alice, bob, account):
    """The CA reuses authorizations of the shared account; the ledger must not."""
    account.shared = False  # so that nothing is given back after alice's issue
    account.save()
    issue(wish(alice, account))
    assert Control.objects.filter(owner=alice).exists()

    theirs = wish(bob, account)
    run_until(theirs, lambda: newest(theirs).waiting_for == "customer" and newest(theirs).attempt > 1)
    order = newest(theirs)
    assert order.problem is None or "not_this_customer" not in str(order.status)
    assert all(row.status == "pending" for row in order.authorizations.all())
    assert not Certificate.objects.filter(owner=bob).exists()
    assert theirs.acme_orders.get(attempt=1).problem["type"] == "chancery:not_this_customer"


def test_it_gives_authorizations_of_a_shared_account_back_after_the_issue(alice, account):
    wanted = wish(alice, account)
    issue(wanted)
    row = newest(wanted).authorizations.get()
    assert row.status == "deactivated"
    assert row.due_at is None


def test_the_next_certificate_of_the_same_customer_needs_its_own_order(alice, account):
    wanted = wish(alice, account)
    issue(wanted)
    again = issuance.request(wanted.plan, by=alice, now=timezone.now(), kind="rekey")
    assert again.pk != wanted.pk
    issue(again)
    assert wanted.plan.certificates.count() == 2
    assert wanted.plan.certificates.filter(state="valid").count() == 1
    assert again.key_id != wanted.key_id


def test_asking_twice_gives_the_running_issuance(alice, account):
    plan = plan_for(alice, account=account)
    first = issuance.request(plan, by=alice, now=timezone.now())
    second = issuance.request(plan, by=alice, now=timezone.now())
    assert first.pk == second.pk
    assert AcmeOrder.objects.count() == 1


def test_a_refused_name_ends_the_issuance_and_tells_the_customer(alice, account):
    wanted = wish(alice, account, "blocked.example")
    run_until(wanted, lambda: not wanted.acme_orders.filter(due_at__isnull=False).exists())
    wanted.refresh_from_db()
    assert wanted.state == "failed"
    assert "rejectedIdentifier" in wanted.problem["type"]
    assert Letter.objects.filter(kind="certificate_refused", to="alice@example.org").count() == 1


def test_a_withdrawn_issuance_gives_its_authorizations_back(alice, account):
    wanted = wish(alice, account)
    run_until(wanted, lambda: newest(wanted).waiting_for == "customer")
    issuance.withdraw(wanted, by=alice, now=timezone.now())
    run_until(wanted, lambda: newest(wanted).due_at is None)
    order = newest(wanted)
    assert order.status == "invalid"
    assert order.authorizations.get().status == "deactivated"


class Dies(AcmeConnector):
    """The process dies right after (or before) one request: nothing of the answer is stored."""

    verb = ""
    before = False
    left = 1

    def __getattribute__(self, name):
        method = super().__getattribute__(name)
        if name != type(self).verb or type(self).left == 0:
            return method

        def dying(*args, **kwargs):
            type(self).left -= 1
            if type(self).before:
                raise KeyboardInterrupt
            method(*args, **kwargs)
            raise KeyboardInterrupt

        return dying


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(
    "verb",
    [
        "register",
        "new_order",
        "authorization",
        "answer",
        "order",
        "finalize",
        "certificate",
        "deactivate_authorization",
    ],
)
def test_a_worker_that_dies_around_a_request_neither_loses_nor_doubles_the_certificate(
    alice, account, monkeypatch, verb, before
):
    from certificates import connection

    dies = type("DiesOnce", (Dies,), {"verb": verb, "before": before, "left": 1})
    monkeypatch.setitem(connection.CONNECTORS, "acme", dies)
    wanted = wish(alice, account, "shop.example")

    def settled() -> bool:
        wanted.refresh_from_db()
        AcmeOrder.objects.filter(due_at__isnull=False).update(lease_until=None, due_at=timezone.now())
        for order in wanted.acme_orders.filter(waiting_for="customer", status="pending", answered_at=None):
            show(order)
        return wanted.state != "wanted" and not wanted.acme_orders.filter(due_at__isnull=False).exists()

    for _life in range(3):
        try:
            run_until(wanted, settled)
            break
        except KeyboardInterrupt:
            continue
    assert dies.left == 0, "the crash point was never reached"
    assert wanted.state == "issued"
    certificate = Certificate.objects.get()
    assert certificate.spki_sha256 == PrivateKey.objects.get().spki_sha256
    assert Letter.objects.filter(kind="certificate_issued").count() == 1
    assert AcmeOrder.objects.filter(finalizing_at__isnull=False).count() == 1


def test_a_worker_whose_lease_was_taken_writes_nothing_more(alice, account):
    wanted = wish(alice, account)
    order = AcmeOrder.objects.claim(newest(wanted).pk, timezone.now())
    AcmeOrder.objects.filter(pk=order.pk).update(epoch=order.epoch + 1)
    with pytest.raises(LeaseLost):
        order.let_go(None)
    with pytest.raises(LeaseLost):
        order.write(status="valid")


def test_a_key_is_made_once_and_sealed_for_its_owner(alice, account):
    wanted = wish(alice, account)
    issue(wanted)
    key = PrivateKey.objects.get()
    assert key.owner == alice
    assert b"PRIVATE" not in bytes(key.sealed)
    der = vault.open_key(key)
    assert der not in bytes(key.sealed)


def test_the_story_of_a_plan_names_every_step_and_no_secret(alice, account):
    wanted = wish(alice, account)
    issue(wanted)
    story = Entry.objects.of_plan(wanted.plan_id)
    actions = [entry.action for entry in story]
    for action in ("issuance:requested", "key:made", "acme_order:created", "acme_order:answered",
                   "control:shown", "acme_order:finalized", "certificate:issued"):  # fmt: skip
        assert action in actions
    tokens = list(Challenge.objects.values_list("key_authorization", flat=True))
    assert not any(token in str(entry.details) for entry in story for token in tokens if token)
