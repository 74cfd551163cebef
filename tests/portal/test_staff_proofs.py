"""Support's page of one plan: what the ledger says of each name, and the buttons that change it, none of which skips a proof."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Letter
from audit.models import Entry
from certificates.models import AcmeOrder, Issuance
from identifiers.names import Name
from tests.portal.walk_rows import whole_story
from validation.approval import asking
from validation.models import Approval, Authorization, Control, Delegation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]
NAMES = ("shop.example", "*.shop.example")


@pytest.fixture
def story(alice):
    return whole_story(alice, *NAMES)


@pytest.fixture
def sue(client, support):
    client.force_login(support)
    return client


def page(client, story) -> str:
    return " ".join(client.get(reverse("staff_plan", args=[story.plan.pk])).content.decode().split())


def current(owner, identifier="shop.example", wildcard=False):
    return Control.objects.of(owner).current(timezone.now()).over(identifier, wildcard=wildcard)


def withdraw(client, story, control, reason="the domain was sold"):
    url = reverse("staff_withdraw_control", args=[story.plan.pk, control.pk])
    return client.post(url, {f"control-{control.pk}-reason": reason})


# --- what it tells ----------------------------------------------------------------------------------------


def test_each_name_tells_its_proofs_what_was_set_up_and_who_was_asked(sue, alice, story):
    Delegation.objects.filter(owner=alice).update(seen_at=timezone.now(), broken_at=timezone.now())
    text = page(sue, story)
    for words in ("Names and proofs", "Proof stands", "good until", "Set up once", "Gone", "admin@shop.example", "Approved",
                  "The CA says", "Everything we saw"):  # fmt: skip
        assert words in text, words


def test_a_withdrawn_proof_tells_why(sue, alice, story):
    for wildcard in (False, True):
        withdraw(sue, story, current(alice, wildcard=wildcard).first(), "sold to <b>somebody</b>")
    text = page(sue, story)
    assert "sold to &lt;b&gt;somebody" in text
    assert "No proof that stands" in text
    assert "Withdraw what proves" not in text


def test_the_page_takes_the_same_number_of_queries_for_one_name_and_for_ten(
    sue, alice, bob, django_assert_max_num_queries, django_assert_num_queries
):
    small, large = whole_story(alice, "a.example"), whole_story(bob, *(f"n{n}.example" for n in range(10)))
    with django_assert_max_num_queries(38) as first:
        page(sue, small)
    with django_assert_num_queries(len(first.captured_queries)):
        page(sue, large)


# --- withdraw control -------------------------------------------------------------------------------------


def test_support_withdraws_a_proof_with_a_reason(sue, support, alice, story):
    control = current(alice).first()
    assert withdraw(sue, story, control).status_code == 302
    control.refresh_from_db()
    assert (control.withdrawn_at is not None, control.withdrawn_why) == (True, "the domain was sold")
    entries = Entry.objects.filter(action="control:withdrawn")
    assert {(entry.actor, entry.details["why"], entry.plan_id) for entry in entries} == {
        (support.email, "the domain was sold", story.plan.pk)
    }
    assert not current(alice).exists(), "an older proof of the same name would do for the next certificate"
    assert current(alice, wildcard=True).exists()


@pytest.mark.parametrize("reason", ["", "  ", "abc"])
def test_no_proof_is_withdrawn_without_a_reason(sue, alice, story, reason):
    control = current(alice).first()
    assert withdraw(sue, story, control, reason).status_code == 422
    assert Control.objects.get(pk=control.pk).withdrawn_at is None


def test_withdrawn_twice_it_keeps_the_first_reason(sue, alice, story):
    control = current(alice).first()
    withdraw(sue, story, control, "the first reason")
    withdraw(sue, story, control, "the second reason")
    control.refresh_from_db()
    assert control.withdrawn_why == "the first reason"
    reasons = Control.objects.exclude(withdrawn_why="").values_list("withdrawn_why", flat=True)
    assert set(reasons) == {"the first reason"}


def test_an_order_that_rests_on_the_proof_is_taken_from_its_worker(sue, alice, story):
    AcmeOrder.objects.filter(pk=story.again.acme_order.pk).update(status="ready", due_at=timezone.now())
    claimed = AcmeOrder.objects.claim(story.again.acme_order.pk, timezone.now())
    withdraw(sue, story, current(alice).first())
    after = AcmeOrder.objects.get(pk=claimed.pk)
    assert after.epoch > claimed.epoch
    assert after.lease_until is None
    assert after.due_at <= timezone.now()


def test_the_proof_of_another_customer_or_another_name_is_not_this_plans(sue, alice, bob, story):
    other, elsewhere = whole_story(bob, "bob.example"), whole_story(alice, "elsewhere.example")
    for strange in (other, elsewhere):
        control = strange.first.authorizations[0].controls.get()
        assert withdraw(sue, story, control).status_code == 404
        assert Control.objects.get(pk=control.pk).withdrawn_at is None


def test_an_approval_by_mail_goes_with_its_control(sue, alice, story):
    control = Control.objects.create(
        owner=alice, identifier="shop.example", method="email", approval=story.approval, shown_at=timezone.now(),
        expires_at=story.approval.good_until,
    )  # fmt: skip
    withdraw(sue, story, control)
    assert Approval.objects.get(pk=story.approval.pk).withdrawn_at is not None


# --- change method ----------------------------------------------------------------------------------------


def change(client, story, name, method, reason="the customer asked for it"):
    url = reverse("staff_change_method", args=[story.plan.pk])
    return client.post(url, {"method-name": name, "method-method": method, "method-reason": reason})


def test_support_changes_the_method_of_one_name(sue, support, story):
    assert change(sue, story, "shop.example", "http-01").status_code == 302
    row = Authorization.objects.get(pk=story.again.authorizations[0].pk)
    assert (row.method, row.shown_at, row.status) == ("http-01", None, "pending")
    assert Authorization.objects.get(pk=story.again.authorizations[1].pk).method == "dns-01"
    entry = Entry.objects.get(action="support:method_changed")
    assert (entry.actor, entry.details["name"], entry.details["reason"]) == (
        support.email,
        "shop.example",
        "the customer asked for it",
    )


@pytest.mark.parametrize(
    ("name", "method"),
    [("shop.example", "email"), ("shop.example", "dns-persist-01"), ("shop.example", "none"), ("other.example", "http-01")],
)  # fmt: skip
def test_what_cannot_be_had_is_refused(sue, story, name, method):
    assert change(sue, story, name, method).status_code == 422
    assert not Entry.objects.filter(action="support:method_changed").exists()


def test_a_wildcard_is_not_shown_by_a_web_server(sue, story):
    change(sue, story, "*.shop.example", "http-01")
    assert Authorization.objects.get(pk=story.again.authorizations[1].pk).method == "dns-01"
    assert not Entry.objects.filter(action="support:method_changed").exists()


def test_without_a_request_under_way_there_is_no_method_to_change(sue, story):
    Issuance.objects.filter(pk=story.issuance.pk).update(state="withdrawn", ended_at=timezone.now())
    assert "Change the method" not in page(sue, story)
    assert change(sue, story, "shop.example", "http-01").status_code == 302
    assert not Entry.objects.filter(action="support:method_changed").exists()


# --- mails ------------------------------------------------------------------------------------------------


def resend(client, story, letter):
    return client.post(reverse("staff_resend_letter", args=[story.plan.pk, letter.pk]))


def test_a_mail_that_was_not_taken_is_tried_again_now(sue, support, story):
    assert resend(sue, story, story.letter).status_code == 302
    letter = Letter.objects.get(pk=story.letter.pk)
    assert (letter.tries, letter.due_at <= timezone.now()) == (0, True)
    entry = Entry.objects.get(action="letter:again")
    assert (entry.actor, entry.plan_id) == (support.email, story.plan.pk)


@pytest.mark.parametrize(
    "changes", [{"sent_at": timezone.now(), "body": "", "due_at": None}, {"body": "", "due_at": None}]
)
def test_a_mail_whose_text_is_gone_is_not_sent_again(sue, story, changes):
    Letter.objects.filter(pk=story.letter.pk).update(**changes)
    assert resend(sue, story, story.letter).status_code == 302
    assert Letter.objects.get(pk=story.letter.pk).due_at is None
    assert not Entry.objects.filter(action="letter:again").exists()


def test_a_mail_of_another_plan_is_not_found_here(sue, bob, story):
    assert resend(sue, story, whole_story(bob, "bob.example").letter).status_code == 404


def test_the_mail_to_a_domains_owner_is_sent_again_but_not_once_it_was_answered(sue, support, alice, story):
    asked = asking.ask(
        alice, [Name("shop.example")], recipient="admin@shop.example", domain="shop.example", mode="assisted",
        plan_id=story.plan.pk, asker=("Alice", alice.email), now=timezone.now() - timedelta(hours=1),
    )  # fmt: skip
    Approval.objects.filter(pk=asked.pk).update(
        due_at=None, mails=1, mailed_at=timezone.now() - timedelta(hours=1)
    )
    url = reverse("staff_resend_approval", args=[story.plan.pk, asked.pk])
    assert "Send the mail again" in page(sue, story)
    assert "is sent again now" in sue.post(url, follow=True).content.decode()
    assert Entry.objects.get(action="approval:resent").actor == support.email
    Approval.objects.filter(pk=asked.pk).update(answer="rejected", answered_at=timezone.now(), due_at=None)
    assert "has been answered" in sue.post(url, follow=True).content.decode()
    assert Entry.objects.filter(action="approval:resent").count() == 1


# --- none skips a proof -----------------------------------------------------------------------------------


def test_no_button_makes_a_proof_or_finishes_an_order(sue, alice, story):
    before = set(Control.objects.values_list("pk", flat=True))
    withdraw(sue, story, current(alice).first())
    change(sue, story, "shop.example", "http-01")
    resend(sue, story, story.letter)
    for name, field in (("staff_look_again", "look-reason"), ("staff_try_again", "try-reason")):
        sue.post(reverse(name, args=[story.plan.pk]), {field: "the customer called"})
    assert set(Control.objects.values_list("pk", flat=True)) == before
    assert not Authorization.objects.filter(
        acme_orders__issuance=story.issuance, shown_at__isnull=False
    ).exists()
    assert not Authorization.objects.filter(insisted_at__isnull=False).exists()
    assert Issuance.objects.get(pk=story.issuance.pk).state == "wanted"
