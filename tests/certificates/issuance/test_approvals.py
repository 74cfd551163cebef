"""Email in the engine: what an order waits for in each mode, and that nobody's approval serves somebody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from certificates import issuance
from certificates.issuance import waits
from certificates.issuance.engine import look_back
from certificates.issuance.walk import Done, Walk
from certificates.models import ActivationName, CaAccount, Certificate, Issuance
from tests.certificates.issuance.conftest import run_until
from tests.certificates.issuance.desk import newest
from tests.contracts.ca import running_acme2certifier
from tests.factories import CaAccountFactory, plan_for
from validation import ledger
from validation.approval import answering
from validation.models import Approval, Authorization, Control, Delegation

pytestmark = pytest.mark.django_db


def by_email(desk, owner, *names, mode="assisted", domain="shop.example", public=False):
    """An order whose names are approved by mail: at a private CA, which the rules of the browsers do not bind."""
    CaAccount.objects.update(email_mode=mode, publicly_trusted=public)
    desk.shows = False
    plan = plan_for(owner, *names, account=desk.account, method="email")
    ActivationName.objects.filter(activation=plan.activation).update(
        approver=f"admin@{domain}", approver_domain=domain
    )
    return issuance.request(plan, by=owner, now=desk.now)


def approve(row, now=None):
    answering.answer(row, "approved", now or timezone.now(), None)
    issuance_orders = Issuance.objects.get(plan_id=row.plan_id).acme_orders
    issuance_orders.update(due_at=timezone.now())


def issued(wanted):
    return Certificate.objects.filter(issuance=wanted).exists()


# --- assisted -------------------------------------------------------------------------------------------------


def test_assisted_waits_for_the_approval_and_for_the_record(desk, alice):
    wanted = by_email(desk, alice, "shop.example", "*.shop.example")
    desk.run()
    row = Approval.objects.get()
    assert row.names == ["shop.example", "*.shop.example"]
    assert (row.recipient, row.mode, row.asker_email) == ("admin@shop.example", "assisted", alice.email)
    assert {a.method for a in Authorization.objects.all()} == {"dns-01"}
    desk.show(newest(wanted))
    desk.run()
    assert desk.ca.asked_for["chall"] == 0
    approve(row)
    desk.run_until_issued(wanted)
    assert {control.method for control in Control.objects.all()} == {"dns-01"}


def test_an_approval_without_the_record_issues_nothing(desk, alice):
    wanted = by_email(desk, alice, "shop.example")
    desk.run()
    approve(Approval.objects.get())
    desk.run(timedelta(hours=2))
    assert not issued(wanted)
    assert desk.ca.asked_for["chall"] == 0
    assert desk.standing(wanted).slug == "waiting_for_you"


@pytest.mark.parametrize("word", ["rejected", "reported"])
def test_a_no_is_not_asked_again_and_issues_nothing(desk, alice, word):
    wanted = by_email(desk, alice, "shop.example")
    desk.run()
    answering.answer(Approval.objects.get(), word, desk.now, None)
    desk.show(newest(wanted))
    desk.run(timedelta(hours=3))
    assert not issued(wanted)
    assert Approval.objects.count() == 1


def test_whoever_then_proves_it_by_dns_needs_no_approval(desk, alice):
    wanted = by_email(desk, alice, "shop.example")
    desk.run()
    answering.answer(Approval.objects.get(), "rejected", desk.now, None)
    desk.show(newest(wanted))
    issuance.change_method(wanted, "shop.example", "dns-01", by=alice, now=desk.now)
    desk.run_until_issued(wanted)


def test_another_customers_approval_serves_nobody_else(desk, alice, bob):
    by_email(desk, bob, "shop.example")
    desk.run()
    approve(Approval.objects.get(owner=bob))
    wanted = by_email(desk, alice, "shop.example")
    desk.shows = True
    desk.run(timedelta(hours=1), until=lambda: Approval.objects.filter(owner=alice).exists())
    assert not issued(wanted)
    assert Approval.objects.get(owner=alice).answer == ""


def test_an_approval_for_below_does_not_serve_above_or_beside(desk, alice):
    first = by_email(desk, alice, "shop.example", domain="shop.example")
    desk.run()
    approve(Approval.objects.get())
    desk.show(newest(first))
    desk.run_until_issued(first)
    for name in ("example", "other.example", "www.shop.example", "*.shop.example"):
        wanted = by_email(desk, alice, name, domain="shop.example")
        desk.show_all()
        desk.run(timedelta(minutes=30))
        assert not issued(wanted), name


def test_an_approver_of_www_is_never_asked_about_the_domain_above(desk, alice):
    wanted = by_email(desk, alice, "shop.example", domain="www.shop.example")
    desk.run()
    assert not Approval.objects.exists()
    assert not issued(wanted)


def test_the_next_certificate_needs_no_second_approval_while_it_is_good(desk, alice):
    wanted = by_email(desk, alice, "shop.example")
    desk.run()
    approve(Approval.objects.get())
    desk.show(newest(wanted))
    desk.run_until_issued(wanted)
    again = issuance.request(wanted.plan, by="renewing", now=desk.now, kind="rekey")
    desk.run()
    desk.show(newest(again))
    desk.run_until_issued(again)
    assert Approval.objects.count() == 1


def test_an_answer_that_came_while_the_order_was_held_is_not_slept_over(desk, alice):
    wanted = by_email(desk, alice, "shop.example")
    desk.run()
    order = newest(wanted)
    walk = Walk(order=order, clock=timezone.now, lease_at=desk.now)
    due = desk.now + waits.CUSTOMER
    answering.answer(Approval.objects.get(), "approved", desk.now, None)
    type(order).objects.filter(pk=order.pk).update(
        due_at=due
    )  # what the engine wrote last, knowing nothing of it
    look_back(walk, Done(due, until_approved=True))
    order.refresh_from_db()
    assert order.due_at <= timezone.now()


def test_what_stands_already_is_what_proves_the_name(desk, alice):
    Delegation.objects.create(
        owner=alice, identifier="shop.example", kind="redirect", created_at=desk.now, seen_at=desk.now
    )
    by_email(desk, alice, "shop.example", "*.shop.example")
    desk.run()
    assert {(a.text, a.method) for a in Authorization.objects.all()} == {
        ("shop.example", "http-01"), ("*.shop.example", "dns-01"),
    }  # fmt: skip


@pytest.mark.parametrize("mode", ["assisted", "prevalidated"])
def test_after_the_end_at_public_cas_the_record_alone_is_asked_for(desk, alice, mode):
    desk.clock.move_to(datetime(2028, 3, 16, tzinfo=UTC))
    wanted = by_email(desk, alice, "shop.example", mode=mode, public=True)
    type(wanted.plan).objects.update(ends_at=datetime(2029, 1, 1, tzinfo=UTC))
    desk.run()
    assert not Approval.objects.exists()
    desk.show(newest(wanted))
    desk.run_until_issued(wanted)


# --- prevalidated -----------------------------------------------------------------------------------------------


@pytest.fixture
def knowing(desk):
    """The CA knows every name as valid."""
    opened = desk.ca._authz_for

    def known(name, account):
        authz = opened(name, account)
        authz.status = "valid" if authz.status == "pending" else authz.status
        return authz

    desk.ca._authz_for = known
    return desk


def test_prevalidated_asks_first_and_orders_then(knowing, alice):
    wanted = by_email(knowing, alice, "shop.example", "*.shop.example", mode="prevalidated")
    knowing.run()
    assert knowing.ca.asked_for["newOrder"] == 0
    assert knowing.standing(wanted).slug == "waiting_for_you"
    approve(Approval.objects.get())
    knowing.run_until_issued(wanted)
    assert knowing.ca.asked_for["chall"] == 0
    assert knowing.ca.asked_for["deactivate"] == 0  # what the CA knew beforehand is left to it
    assert {control.method for control in Control.objects.all()} == {"email"}


def test_prevalidated_without_this_customers_approval_is_given_back(knowing, alice, bob):
    first = by_email(knowing, bob, "shop.example", mode="prevalidated")
    knowing.run()
    approve(Approval.objects.get())
    knowing.run_until_issued(first)
    plan = plan_for(alice, "shop.example", account=knowing.account)  # by DNS, which nobody asks her for
    wanted = issuance.request(plan, by=alice, now=knowing.now)
    knowing.run(timedelta(hours=2))
    assert not issued(wanted)
    assert knowing.ca.asked_for["deactivate"] > 0


def test_prevalidated_ends_when_the_control_is_withdrawn(knowing, alice):
    wanted = by_email(knowing, alice, "shop.example", mode="prevalidated")
    knowing.run()
    approve(Approval.objects.get())
    knowing.run_until_issued(wanted)
    ledger.withdraw(Control.objects.get(), "the domain was sold", "support", knowing.now)
    again = issuance.request(wanted.plan, by=alice, now=knowing.now, kind="rekey")
    knowing.run(timedelta(hours=1))
    assert not issued(again)
    assert Approval.objects.filter(answer="").count() == 1


def test_a_name_the_ca_does_not_know_after_all_is_proven_by_the_record(desk, alice):
    wanted = by_email(desk, alice, "shop.example", mode="prevalidated")
    desk.run()
    approve(Approval.objects.get())
    desk.run()
    assert newest(wanted).waiting_for == "customer"
    assert not issued(wanted)
    desk.show(newest(wanted))
    desk.run_until_issued(wanted)


def test_a_control_by_mail_does_not_open_what_others_proved_elsewhere(desk, alice, bob):
    """Alice's approval is no proof at an account that wants records: bob's valid authorization is not hers."""
    desk.ca.reuses_valid = True
    desk.account.shared = False
    desk.account.save()
    first = desk.wish(bob, "shop.example")
    desk.run_until_issued(first)
    Control.objects.create(
        owner=alice, identifier="shop.example", method="email", shown_at=desk.now, expires_at=desk.now + timedelta(days=9)
    )  # fmt: skip
    desk.shows = False
    theirs = desk.wish(alice, "shop.example")
    desk.run(timedelta(minutes=30))
    assert not issued(theirs)
    assert desk.ca.asked_for["deactivate"] > 0


@pytest.mark.server
def test_prevalidated_at_a_real_ca(tmp_path, alice, bob):
    """acme2certifier with its list of names: the approval is all that happens, and only hers serves her."""
    with running_acme2certifier(tmp_path, prevalidated=["shop.example", "*.shop.example"]) as server:
        account = CaAccountFactory(
            directory_url=server.directory_url, roots_pem=server.roots_pem, email_mode="prevalidated",
            terms_agreed_at=timezone.now(), contact="ops@portal.example", publicly_trusted=False,
        )  # fmt: skip
        plan = plan_for(alice, "shop.example", "www.shop.example", account=account, method="email")
        ActivationName.objects.update(approver="admin@shop.example", approver_domain="shop.example")
        wanted = issuance.request(plan, by=alice, now=timezone.now())
        run_until(wanted, lambda: Approval.objects.exists())
        assert newest(wanted).url is None
        approve(Approval.objects.get())
        run_until(wanted, lambda: issued(wanted))
        theirs = issuance.request(plan_for(bob, "shop.example", account=account), by=bob, now=timezone.now())
        # This CA says valid again after it was told to forget: only an operator can settle whose name it is.
        run_until(theirs, lambda: newest(theirs).waiting_for == "operator" or issued(theirs))
        assert not issued(theirs)
        check_certificates()


def check_certificates():
    for certificate in Certificate.objects.all():
        for name in certificate.issuance.names:
            assert ledger.has_control(
                certificate.owner, name["ascii"], name["wildcard"], timezone.now(), by_mail=True
            )
