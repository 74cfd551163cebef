"""The staff's own pages: what is stuck, where something is, the story of a plan, and the two buttons of support."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Letter
from audit.models import Entry
from certificates.models import AcmeOrder, Activation, CaAccount, Campaign, Issuance, RenewalInfo, Revocation
from orders.models import Order, Payment
from tests.factories import OrderFactory, OrderItemFactory, PaymentFactory
from tests.portal.walk_rows import SECRET, SESSION_URL, issuance_of, whole_story
from validation.models import Authorization

pytestmark = pytest.mark.django_db


@pytest.fixture
def story(alice):
    return whole_story(alice)


@pytest.fixture
def sue(client, support):
    client.force_login(support)
    return client


def page(client, url, **kwargs):
    response = client.get(url, **kwargs)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def plan_url(story):
    return reverse("staff_plan", args=[story.plan.pk])


# --- doors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["staff_home", "staff_plan"])
def test_a_customer_finds_nothing_there_not_even_the_owner(client, alice, story, name):
    client.force_login(alice)
    args = [story.plan.pk] if name == "staff_plan" else []
    assert client.get(reverse(name, args=args)).status_code == 404


def test_staff_without_a_group_are_refused(client, alice, story):
    alice.is_staff = True
    alice.save()
    client.force_login(alice)
    assert client.get(reverse("staff_home")).status_code == 403
    assert (
        client.post(reverse("staff_look_again", args=[story.plan.pk]), {"look-reason": "because"}).status_code
        == 403
    )


def test_an_unknown_plan_is_not_found(sue):
    assert sue.get(reverse("staff_plan", args=[uuid.uuid4()])).status_code == 404


def test_staff_pages_are_never_stored(sue, story):
    assert "no-store" in sue.get(plan_url(story))["Cache-Control"]


# --- what is stuck ------------------------------------------------------------------------------------


def test_nothing_is_stuck_on_a_quiet_day(sue):
    assert "Nothing is stuck" in page(sue, reverse("staff_home"))


def test_it_says_what_is_stuck_and_why(sue, story, now):
    CaAccount.objects.filter(pk=story.account.pk).update(
        paused_at=now, paused_why="New terms have to be agreed to"
    )
    AcmeOrder.objects.filter(pk=story.again.acme_order.pk).update(waiting_for="operator")
    Payment.objects.create(
        order=story.order, attempt=2, gateway="stripe", state="mismatch", idempotency_key="m", amount=1900, received_amount=1800,
        currency="EUR", created_at=now, expires_at=now, problem="1800 EUR instead of 1900 EUR",
    )  # fmt: skip
    text = page(sue, reverse("staff_home"))
    for words in ("CAs that are paused", "New terms have to be agreed to", "Waiting for an operator", "is paused.",
                  "Money that does not match", "1800 EUR instead of 1900 EUR", "Mails that were not sent", "451 try later"):  # fmt: skip
        assert words in text, words
    assert (
        text.index("CAs that are paused")
        < text.index("Waiting for an operator")
        < text.index("Mails that were not sent")
    )
    assert plan_url(story) in text


def test_a_healthy_order_that_waits_for_its_customer_is_not_stuck(sue, story):
    Letter.objects.all().update(sent_at=timezone.now(), due_at=None)
    Campaign.objects.update(state="done", due_at=None)
    RenewalInfo.objects.update(due_at=timezone.now() + timedelta(minutes=5))
    Revocation.objects.all().delete()
    AcmeOrder.objects.filter(due_at__isnull=False).update(
        created_at=timezone.now(), due_at=timezone.now() + timedelta(minutes=5)
    )
    Authorization.objects.filter(due_at__isnull=False).update(due_at=timezone.now() + timedelta(minutes=5))
    assert "Nothing is stuck" in page(sue, reverse("staff_home"))


def test_money_without_a_plan_is_the_first_thing_one_reads(sue, alice, now):
    order = OrderFactory(owner=alice, state="paid", paid_at=timezone.now() - timedelta(minutes=10))
    OrderItemFactory(order=order)
    text = page(sue, reverse("staff_home"))
    assert "Paid, not fulfilled" in text
    assert order.number in text


def test_a_refused_issuance_is_told_until_a_later_one_exists(sue, story):
    Issuance.objects.filter(pk=story.issuance.pk).update(
        state="failed",
        problem={"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "policy forbids"},
    )
    assert "policy forbids" in page(sue, reverse("staff_home"))
    later = issuance_of(
        story.plan, story.account, state="wanted", kind="reissue", names=["shop.example"], status="pending"
    )
    Issuance.objects.filter(pk=later.issuance.pk).update(created_at=timezone.now() + timedelta(minutes=1))
    assert "policy forbids" not in page(sue, reverse("staff_home"))


def test_lapsed_leases_and_late_queues_are_seen(sue, story):
    long_ago = timezone.now() - timedelta(hours=1)
    Letter.objects.all().update(due_at=long_ago, lease_until=long_ago)
    text = page(sue, reverse("staff_home"))
    assert re.search(r"Mails</th><td class=\"number\">1</td>.*?Late.*?</svg>1</span>", text, re.DOTALL)


def test_support_gets_no_link_to_a_ca_account_that_it_may_not_open(client, support, operator, story, now):
    CaAccount.objects.filter(pk=story.account.pk).update(paused_at=now, paused_why="terms")
    url = reverse("admin:certificates_caaccount_change", args=[story.account.pk])
    client.force_login(support)
    assert url not in page(client, reverse("staff_home"))
    client.force_login(operator)
    assert url in page(client, reverse("staff_home"))


def test_what_is_stuck_takes_the_same_number_of_queries_for_one_plan_and_for_ten(
    sue, alice, django_assert_max_num_queries, django_assert_num_queries
):
    def stuck_plan(n):
        story = whole_story(alice, host=f"shop{n}.example")
        AcmeOrder.objects.filter(pk=story.again.acme_order.pk).update(waiting_for="operator")

    stuck_plan(0)
    sue.get(reverse("staff_home"))
    with django_assert_max_num_queries(44) as first:
        sue.get(reverse("staff_home"))
    for n in range(1, 10):
        stuck_plan(n)
    with django_assert_num_queries(len(first.captured_queries)):
        sue.get(reverse("staff_home"))


# --- search --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    [
        lambda s: s.order.number,
        lambda s: s.order.number.lower().replace("-", ""),
        lambda s: "shop.example",
        lambda s: "  SHOP.example. ",
        lambda s: "example",
        lambda s: "alice@example.org",
        lambda s: "alice@",
        lambda s: s.certificate.serial,
        lambda s: ":".join(re.findall("..", s.certificate.serial.upper())),
        lambda s: s.certificate.serial.lstrip("0"),
        lambda s: str(s.plan.pk),
        lambda s: str(s.order.pk),
        lambda s: str(s.issuance.pk),
        lambda s: str(s.certificate.pk),
    ],
    ids=["number", "number typed", "domain", "domain typed", "suffix", "mail", "mail begun", "serial", "serial with colons",
         "serial without zeros", "plan", "order", "issuance", "certificate"],
)  # fmt: skip
def test_it_finds_a_plan_by(sue, story, spelling):
    response = sue.get(reverse("staff_home"), {"q": spelling(story)})
    if spelling(story) == "example":
        assert b"Nothing was found" in response.content, "a public suffix alone is not searched for"
        return
    assert response.status_code == 302
    assert response["Location"] == plan_url(story)


def test_no_search_leaves_the_database_a_subquery_to_look_through_for_each_row(sue, story):
    for text in (str(story.plan.pk), "shop.example", story.order.number, "alice@", story.certificate.serial):
        with CaptureQueriesContext(connection) as asked:
            sue.get(reverse("staff_home"), {"q": text})
        assert not [query["sql"] for query in asked if re.search(r"\bOR\b.*\bIN \(SELECT", query["sql"])]


def test_it_finds_names_below_a_domain_and_names_written_in_their_script(sue, alice, bob):
    whole_story(alice, "www.xn--mnchen-3ya.example")
    whole_story(bob, "xn--mnchen-3ya.example")
    text = page(sue, reverse("staff_home"), data={"q": "münchen.example"})
    assert "alice@example.org" in text
    assert "bob@example.org" in text


def test_it_finds_an_order_that_was_never_paid(sue, bob):
    order = OrderFactory(owner=bob, state="awaiting_payment")
    response = sue.get(reverse("staff_home"), {"q": order.number})
    assert response["Location"] == reverse("admin:orders_order_change", args=[order.pk])


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE audit_entry; --",
        "%",
        "_",
        "\x00",
        "<script>alert(1)</script>",
        "a" * 5000,
        "....",
        "@",
        "١٢٣٤-١٢٣٤",
        "*",
    ],
)
def test_strange_searches_find_nothing_and_are_shown_escaped(sue, story, text):
    response = sue.get(reverse("staff_home"), {"q": text})
    assert response.status_code in {200, 302}
    assert b"<script>alert" not in response.content


# --- the story -------------------------------------------------------------------------------------------


def test_one_page_tells_the_whole_story(sue, story):
    text = page(sue, plan_url(story))
    for words in (
        story.order.number, "alice@example.org", "19.00", "a present", "shop.example", "Reissue", "First certificate",
        story.certificate.serial, "EXPECTED-VALUE", "dns_nothing", "451 try later", "Plan opened", "Your certificate for",
        "Test CA", "192.0.2.7",
    ):  # fmt: skip
        assert words in text, words


def test_words_of_strangers_are_escaped(sue, story):
    text = page(sue, plan_url(story))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert "<img src=x" not in text


def test_no_secret_is_on_the_page(client, support, operator, story):
    for person in (support, operator):
        client.force_login(person)
        text = page(client, plan_url(story))
        assert SECRET not in text
        assert SESSION_URL not in text
        assert "PRIVATE KEY" not in text


def test_the_story_links_the_whole_walk(sue, story):
    text = page(sue, plan_url(story))
    for name, row in [
        ("orders_order", story.order), ("orders_plan", story.plan), ("orders_payment", story.payment),
        ("certificates_activation", story.activation), ("certificates_issuance", story.issuance),
        ("certificates_acmeorder", story.again.acme_order), ("validation_authorization", story.again.authorizations[0]),
        ("certificates_certificate", story.certificate), ("accounts_letter", story.letter),
    ]:  # fmt: skip
        url = reverse(f"admin:{name}_change", args=[row.pk])
        assert url in text
        assert sue.get(url).status_code == 200, f"support cannot follow {url}"


def test_the_story_takes_the_same_number_of_queries_for_one_name_and_for_ten(
    sue, alice, bob, django_assert_max_num_queries, django_assert_num_queries
):
    small, large = whole_story(alice, "a.example"), whole_story(bob, *(f"n{n}.example" for n in range(10)))
    with django_assert_max_num_queries(44) as first:
        sue.get(plan_url(small))
    with django_assert_num_queries(len(first.captured_queries)):
        sue.get(plan_url(large))


def test_entries_of_another_plan_of_the_same_order_are_not_told_here(sue, story, alice, now):
    from audit.record import record
    from audit.vocabulary import Action

    record(Action.KEY_DOWNLOADED, alice, now=now, by=alice, plan_id=uuid.uuid4(), order_id=story.order.pk)
    record(Action.ORDER_PAID, story.order, now=now, by="stripe", order_id=story.order.pk)
    text = page(sue, plan_url(story))
    assert "Payment received" in text
    assert "Private key downloaded" not in text


# --- the two buttons --------------------------------------------------------------------------------------


def test_support_has_the_validation_looked_at_again(sue, support, story):
    authorization = story.again.authorizations[0]
    response = sue.post(
        reverse("staff_look_again", args=[story.plan.pk]), {"look-reason": "customer  called,\n fixed it"}
    )
    assert response.status_code == 302
    assert Authorization.objects.get(pk=authorization.pk).due_at <= timezone.now()
    assert AcmeOrder.objects.get(pk=story.again.acme_order.pk).due_at <= timezone.now()
    entry = Entry.objects.get(action="support:looked_again")
    assert (entry.actor, entry.details["reason"], entry.plan_id) == (
        support.email,
        "customer called, fixed it",
        story.plan.pk,
    )
    assert "customer called, fixed it" in page(sue, plan_url(story))


@pytest.mark.parametrize("reason", ["", "   ", "abc", "x" * 201])
def test_a_button_without_a_reason_changes_nothing(sue, story, reason):
    before = AcmeOrder.objects.get(pk=story.again.acme_order.pk).due_at
    response = sue.post(reverse("staff_look_again", args=[story.plan.pk]), {"look-reason": reason})
    assert response.status_code == 422
    assert AcmeOrder.objects.get(pk=story.again.acme_order.pk).due_at == before
    assert not Entry.objects.filter(action="support:looked_again").exists()


def test_a_new_order_is_opened_only_after_the_verdict_of_the_ca(sue, story):
    url, words = reverse("staff_try_again", args=[story.plan.pk]), {"try-reason": "DNS was repaired"}
    assert "New order of the same issuance" not in page(sue, plan_url(story))
    response = sue.post(url, words, follow=True)
    assert "has not given its verdict" in response.content.decode()
    assert AcmeOrder.objects.filter(issuance=story.issuance).count() == 1

    AcmeOrder.objects.filter(pk=story.again.acme_order.pk).update(
        status="invalid", due_at=None, ended_at=timezone.now()
    )
    assert "New order of the same issuance" in page(sue, plan_url(story))
    assert "Look again now" not in page(sue, plan_url(story))
    sue.post(url, words)
    sue.post(url, words)
    assert [o.attempt for o in AcmeOrder.objects.filter(issuance=story.issuance).order_by("attempt")] == [
        1,
        2,
    ]
    assert Entry.objects.get(action="support:tried_again").details["reason"] == "DNS was repaired"


def test_the_buttons_do_nothing_for_a_plan_whose_issuance_has_ended(sue, story):
    Issuance.objects.filter(pk=story.issuance.pk).update(state="withdrawn")
    for name, field in (("staff_look_again", "look-reason"), ("staff_try_again", "try-reason")):
        assert sue.post(reverse(name, args=[story.plan.pk]), {field: "please do"}).status_code == 302
    assert AcmeOrder.objects.filter(issuance=story.issuance).count() == 1
    assert not Entry.objects.filter(action__startswith="support:").exists()


def test_a_button_needs_a_post_and_a_token(support, story):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(support)
    url = reverse("staff_look_again", args=[story.plan.pk])
    assert client.get(url).status_code == 405
    assert client.post(url, {"look-reason": "no token"}).status_code == 403


def test_operators_see_the_same_story(client, operator, story):
    client.force_login(operator)
    assert story.order.number in page(client, plan_url(story))
    assert Order.objects.count() == 1
    assert PaymentFactory  # the payments of the story come from it


def test_a_plan_says_when_its_next_reissue_is_planned(sue, story):
    text = " ".join(page(sue, plan_url(story)).split())
    assert "Next reissue" in text
    RenewalInfo.objects.update(problem={"type": "chancery:renewal_no_ca", "detail": "No CA can do it."})
    Activation.objects.update(automatic=False)
    text = " ".join(page(sue, plan_url(story)).split())
    assert "switched off by its owner" in text
    assert "No CA can do it." in text
