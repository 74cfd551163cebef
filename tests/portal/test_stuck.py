"""The board of what is stuck: each kind under who must act, with why, since when, what happens next, and its button."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Letter
from certificates.models import AcmeOrder, CaAccount, Campaign, Issuance, Revocation
from orders.models import GatewayEvent, Order, Payment, Refund
from portal import sweeping
from portal.backlog import backlogs
from portal.staff.stuck import board
from portal.staff.stuck.words import SENTENCES, sentence, words
from tests.factories import OrderFactory, OrderItemFactory, issuance_for, plan_for
from tests.portal.walk_rows import whole_story
from validation import delegation
from validation.models import Authorization, Challenge, Delegation, Publication
from validation.problems import Finding

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]

ACME = "urn:ietf:params:acme:error:"


@pytest.fixture
def now():
    return timezone.now()


def everything(now, may=lambda permission: True):
    """Return {who: {group title: rows}}."""
    sections = board(now, may, list(backlogs(now)))
    return {section.who: {str(group.title): group.rows for group in section.groups} for section in sections}


def order_of(alice, now, *names, ago=timedelta(hours=1), due=timedelta(minutes=5), **columns) -> AcmeOrder:
    issuance = issuance_for(
        plan_for(alice, *names), created_at=now - ago, due_at=None if due is None else now + due, **columns
    )
    return issuance.acme_orders.get()


def asleep(story):
    """A story of which nothing is due: the test wakes what it is about."""
    for rows, _work in sweeping.QUEUES.values():
        rows.update(due_at=None)
    Campaign.objects.update(state="done")
    Revocation.objects.all().delete()
    return story


def only(found, who, title):
    """The one row there is, which stands nowhere else."""
    assert {(w, t) for w, groups in found.items() for t in groups} == {(who, title)}
    (row,) = found[who][title]
    return row


def test_a_quiet_house_has_an_empty_board(now):
    assert everything(now) == {"operator": {}, "us": {}, "ca": {}, "customer": {}}


# --- CAs ----------------------------------------------------------------------------------------------


def test_paused_cas_come_first_with_the_orders_behind_them_and_a_button(alice, now):
    orders = [
        order_of(alice, now, f"{n}.example", waiting_for="customer", ago=timedelta(0)) for n in range(3)
    ]
    small, big = orders[0].account, orders[1].account
    AcmeOrder.objects.filter(pk=orders[2].pk).update(account=big)
    for account, why in ((small, "New terms"), (big, "EAB wanted")):
        CaAccount.objects.filter(pk=account.pk).update(paused_at=now - timedelta(hours=1), paused_why=why)
    rows = everything(now)["operator"]["CAs that are paused"]
    assert [(row.what, row.behind, row.words) for row in rows] == [
        (big.name, 2, "EAB wanted"),
        (small.name, 1, "New terms"),
    ]
    (act,) = rows[0].acts
    assert (act.post, act.url) == (True, reverse("admin:certificates_caaccount_resume", args=[big.pk]))
    assert "until somebody resumes" in str(rows[0].then)


def test_the_button_on_the_board_resumes_the_ca(client, operator, alice, now):
    order = order_of(alice, now, waiting_for="operator")
    CaAccount.objects.filter(pk=order.account_id).update(paused_at=now, paused_why="terms")
    client.force_login(operator)
    url = reverse("admin:certificates_caaccount_resume", args=[order.account_id])
    assert f'action="{url}"' in client.get(reverse("staff_home")).content.decode()
    client.post(url)
    assert CaAccount.objects.get(pk=order.account_id).paused_at is None


def test_a_ca_that_is_left_in_peace_waits_for_itself(alice, now):
    order = order_of(alice, now, waiting_for="customer", ago=timedelta(0))
    CaAccount.objects.filter(pk=order.account_id).update(
        resting_until=now + timedelta(minutes=4), failures=7, trouble="HTTP 503"
    )
    row = only(everything(now), "ca", "CAs that are left in peace")
    assert (row.behind, row.words, row.next_at) == (1, "HTTP 503", now + timedelta(minutes=4))
    assert "7 times" in str(row.why)
    assert only(everything(now), "ca", "CAs that are left in peace").acts == ()
    assert everything(now + timedelta(minutes=5))["ca"] == {}


def test_a_campaign_tells_how_far_it_is(alice, now):
    done, under_way = (
        order_of(alice, now, f"{n}.example", waiting_for="", ago=timedelta(0)) for n in range(2)
    )
    campaign = Campaign.objects.create(
        from_account=done.account,
        to_account=under_way.account,
        reason="CA closes",
        created_at=now,
        due_at=now + timedelta(hours=1),
    )
    Issuance.objects.filter(pk=done.issuance_id).update(campaign=campaign, state="issued")
    Issuance.objects.filter(pk=under_way.issuance_id).update(campaign=campaign)
    row = only(everything(now), "operator", "Campaigns")
    assert row.why == "1 of 2 begun are issued, 1 under way, 0 refused."
    Campaign.objects.update(state="paused", due_at=None)
    assert "Paused" in str(only(everything(now), "operator", "Campaigns").then)
    Campaign.objects.update(state="done")
    assert everything(now)["operator"] == {}


# --- orders at CAs ----------------------------------------------------------------------------------------


def test_an_order_that_waits_for_an_operator_says_why_in_plain_words_and_in_the_cas(alice, now):
    problem = {"type": f"{ACME}externalAccountRequired", "detail": "EAB please <b>"}
    order = order_of(alice, now, "a.example", "b.example", waiting_for="operator", problem=problem)
    row = only(everything(now), "operator", "Waiting for an operator")
    assert row.why == SENTENCES["externalAccountRequired"]
    assert (row.words, row.names, row.next_at) == ("EAB please <b>", ("a.example", "b.example"), order.due_at)
    assert row.since == order.created_at
    assert row.acts[0].url == reverse("staff_plan", args=[order.issuance.plan_id]) + "#retrigger"


def test_an_order_the_ca_works_on_for_long_waits_for_the_ca(alice, now):
    order_of(alice, now, waiting_for="ca", status="processing")
    row = only(everything(now), "ca", "Waiting for the CA")
    assert "still making the certificate" in str(row.why)
    AcmeOrder.objects.update(created_at=now - timedelta(minutes=5))
    assert everything(now)["ca"] == {}


def test_an_order_whose_certificate_cannot_be_fetched_waits_for_the_ca_although_it_is_valid(alice, now):
    order = order_of(
        alice,
        now,
        waiting_for="ca",
        status="valid",
        problem={"type": "chancery:transport", "detail": "Reset."},
    )
    row = only(everything(now), "ca", "Waiting for the CA")
    assert (row.why, row.words) == ("The CA does not answer.", "Reset.")
    CaAccount.objects.filter(pk=order.account_id).update(paused_at=now, paused_why="terms")
    assert everything(now)["operator"]["CAs that are paused"][0].behind == 1
    # Stored, and only its authorizations are still to be given back.
    AcmeOrder.objects.update(ended_at=now)
    assert everything(now)["ca"] == {}


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"answered_at": timezone.now()}, "is still looking at the names."),
        (
            {"answered_at": timezone.now(), "finalizing_at": timezone.now()},
            "is still making the certificate.",
        ),
        ({}, "No problem was reported."),
    ],
)
def test_what_the_ca_is_at_is_said_where_it_reports_no_problem(alice, now, columns, why):
    order_of(alice, now, waiting_for="ca", **columns)
    assert str(only(everything(now), "ca", "Waiting for the CA").why).endswith(why)


def test_an_order_that_waits_for_us_is_a_fault_of_ours(alice, now):
    order_of(alice, now, waiting_for="us")
    assert only(everything(now), "us", "Waiting for us").why


def test_a_customer_who_shows_nothing_for_a_day_is_told_with_what_we_saw(alice, now):
    order = order_of(alice, now, "a.example", "b.example", ago=timedelta(days=2), waiting_for="customer")
    finding = Finding(slug="dns_nothing", in_place=False, expected="x", seen="")
    for name, shown in (("a.example", now), ("b.example", None)):
        order.authorizations.add(
            Authorization.objects.create(
                owner=alice,
                url=f"https://ca.example/{name}",
                identifier=name,
                method="dns-01",
                created_at=now,
                due_at=None if shown else now + timedelta(minutes=1),
                shown_at=shown,
                finding=finding.as_json(),
            )
        )
    row = only(everything(now), "customer", "Not shown for a day")
    assert row.why == "1 of 2 names is not shown yet."
    assert row.words.startswith("b.example: ")
    assert row.next_at == now + timedelta(minutes=1)


def test_a_verdict_stands_there_until_it_is_tried_again(alice, now):
    problem = {"type": f"{ACME}dns", "detail": "SERVFAIL"}
    order = order_of(
        alice, now, waiting_for="customer", status="invalid", due=None, ended_at=now, problem=problem
    )
    row = only(everything(now), "customer", "The CA looked and said no")
    assert (row.why, row.words, row.since) == (SENTENCES["dns"], "SERVFAIL", now)
    AcmeOrder.objects.create(
        issuance=order.issuance,
        account=order.account,
        attempt=2,
        created_at=now,
        due_at=now + timedelta(minutes=1),
        waiting_for="customer",
    )
    assert everything(now)["customer"] == {}


def test_an_abandoned_request_is_listed_apart_from_what_the_ca_refused(alice, now):
    problem = {"type": "chancery:order_unattended", "detail": "What was to be published has expired."}
    order_of(alice, now, waiting_for="customer", status="invalid", due=None, ended_at=now, problem=problem)
    row = only(everything(now), "customer", "Nobody published anything")
    assert row.why == "What was to be published expired before we saw it."
    assert "The CA looked and said no" not in everything(now)["customer"]


def test_a_refused_issuance_offers_the_refund_to_who_may(alice, now):
    issuance_for(plan_for(alice))
    AcmeOrder.objects.update(status="invalid", due_at=None, waiting_for="operator")
    Issuance.objects.update(
        state="failed", ended_at=now, problem={"type": f"{ACME}rejectedIdentifier", "detail": "no"}
    )
    row = only(everything(now), "operator", "Refused by the CA")
    assert [act.label for act in row.acts] == ["Refund"]
    assert only(everything(now, lambda permission: False), "operator", "Refused by the CA").acts == ()


def test_a_certificate_that_the_ca_does_not_revoke_is_an_operators(alice, now):
    story = asleep(whole_story(alice))
    Letter.objects.all().delete()
    Revocation.objects.create(
        certificate=story.certificate,
        reason=1,
        asked_at=now,
        refused_at=now,
        problem={"type": "urn:x", "detail": "Never."},
    )
    row = only(everything(now), "operator", "Certificates that should be revoked")
    assert row.words == "Never."
    assert "still trusted" in str(row.why)
    assert [act.label for act in row.acts] == ["Ask again"]


# --- money, mails, machinery --------------------------------------------------------------------------------


def test_money_stands_under_who_must_act(alice, now):
    def payment(order, state, **columns):
        return Payment.objects.create(
            order=order, attempt=Payment.objects.count() + 1, gateway="stripe", state=state, amount=1, currency="EUR",
            idempotency_key=f"{state}{order.pk}{Payment.objects.count()}", created_at=now, expires_at=now, **columns,
        )  # fmt: skip

    paid = OrderFactory(owner=alice, state="paid", paid_at=now - timedelta(minutes=5))
    OrderItemFactory(order=paid)
    payment(OrderFactory(owner=alice, state="awaiting_payment"), "mismatch", problem="18 instead of 19")
    payment(OrderFactory(owner=alice, state="awaiting_payment"), "failed", problem="Declined")
    OrderFactory(owner=alice, state=Order.State.DISPUTED, paid_at=now)
    Refund.objects.create(
        payment=payment(OrderFactory(state="paid"), "paid"), amount=1, reason="r", asked_by="o", idempotency_key="i",
        state="failed", created_at=now, problem="Account closed",
    )  # fmt: skip
    GatewayEvent.objects.create(
        id="evt_1", gateway="stripe", kind="refund.created", payload={}, received_at=now, tries=3, outcome="waiting: away",
        due_at=now + timedelta(minutes=1),
    )  # fmt: skip
    found = everything(now)
    assert list(found["operator"]) == [
        "Paid, not fulfilled",
        "Money that does not match",
        "Refunds that failed",
        "Disputed payments",
    ]
    assert list(found["us"]) == ["Gateway events not processed"]
    assert list(found["customer"]) == ["Payments that failed in the last days"]
    assert found["operator"]["Refunds that failed"][0].words == "Account closed"


def test_mails_given_up_are_an_operators_and_others_ours(alice, now):
    story = asleep(whole_story(alice))
    Letter.objects.filter(pk=story.letter.pk).update(due_at=now + timedelta(minutes=10))
    row = only(everything(now), "us", "Mails that were not sent")
    assert (row.words, row.next_at) == ("451 try later", now + timedelta(minutes=10))
    Letter.objects.filter(pk=story.letter.pk).update(due_at=None, tries=8)
    assert "gave up" in str(only(everything(now), "operator", "Mails given up").why)


def test_rows_that_nobody_takes_and_rows_that_are_never_finished(alice, now):
    letter = asleep(whole_story(alice)).letter
    hour = now - timedelta(hours=1)
    Letter.objects.filter(pk=letter.pk).update(due_at=hour, tries=0)
    row = only(everything(now), "us", "Nobody works")
    assert (row.what, row.since) == ("Mails", hour)
    Letter.objects.filter(pk=letter.pk).update(lease_until=now + timedelta(minutes=1))
    row = only(everything(now), "us", "Never finished")
    assert "queue letters" in str(row.then)


# --- words, roles, speed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "why", "said"),
    [
        (None, "No problem was reported.", ""),
        ({"type": f"{ACME}dns", "detail": "x"}, str(SENTENCES["dns"]), "x"),
        ({"type": f"{ACME}never-heard-of", "detail": "x"}, "x", ""),
        ({"type": "chancery:limit", "detail": "Next slot 14:32 UTC."}, "Next slot 14:32 UTC.", ""),
        ({"type": "chancery:unexpected", "detail": "KeyError"}, "A step failed on our side", "KeyError"),
        ({"type": "urn:only-a-type"}, "urn:only-a-type", ""),
        ({}, "No problem was reported.", ""),
    ],
)
def test_every_problem_has_a_sentence(problem, why, said):
    assert str(sentence(problem)).startswith(why)
    assert words(problem) == said


def test_support_sees_the_board_and_no_button_that_is_not_theirs(client, support, alice, now):
    order = order_of(
        alice, now, waiting_for="operator", problem={"type": "urn:x", "detail": "<script>alert(1)</script>"}
    )
    CaAccount.objects.filter(pk=order.account_id).update(paused_at=now, paused_why="terms")
    Order.objects.filter(pk=order.issuance.plan.item.order_id).update(state="disputed")
    client.force_login(support)
    text = client.get(reverse("staff_home")).content.decode()
    assert "Operators must act" in text
    assert "1 order waits behind it" in text
    assert "#retrigger" in text
    for absent in ("/resume/", "/refund/", "<script>alert", "caaccount"):
        assert absent not in text, absent


def test_ten_thousand_orders_cost_no_more_queries(client, operator, alice, now, django_assert_num_queries):
    template = order_of(alice, now, waiting_for="operator", ago=timedelta(days=2))
    client.force_login(operator)
    client.get(reverse("staff_home"))
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        client.get(reverse("staff_home"))
    plan = template.issuance.plan
    issuances = [
        Issuance(plan=plan, names=[{"ascii": f"{n}.example", "wildcard": False, "method": "dns-01"}], created_at=now, state="issued")
        for n in range(10_000)
    ]  # fmt: skip
    Issuance.objects.bulk_create(issuances)
    AcmeOrder.objects.bulk_create([
        AcmeOrder(
            issuance=issuance, owner=plan.owner, account=template.account,
            created_at=now - timedelta(days=2), due_at=now + timedelta(minutes=9),
            waiting_for=("operator", "ca", "customer", "us")[n % 4],
        )
        for n, issuance in enumerate(issuances)
    ], batch_size=1000)  # fmt: skip
    if connection.vendor == "postgresql":
        # As it does by itself within a minute: what was learned from the empty table makes it join all with all.
        connection.cursor().execute("ANALYZE")
    with django_assert_num_queries(len(few)):
        client.get(reverse("staff_home"))


# --- our own zone ---------------------------------------------------------------------------------------------


def test_a_value_that_our_zone_does_not_take_is_told_to_operators(alice, now, settings):
    """The customer reads that our staff are told: here they are."""
    settings.DELEGATION_ZONE, settings.DELEGATION_SERVER = "dcv.portal.example", "127.0.0.1:1"
    settings.DELEGATION_TSIG_NAME, settings.DELEGATION_TSIG_SECRET = "key", "c2VjcmV0"
    alias = delegation.offer(alice, "shop.example", "cname", now)
    Delegation.objects.update(due_at=now + timedelta(days=7))
    name = Authorization.objects.create(
        owner=alice, url="https://ca.example/1", identifier="shop.example", method="dns-01", created_at=now
    )
    challenge = Challenge.objects.create(
        authorization=name, url="https://ca.example/c/1", type="dns-01", token="t", key_authorization="t.k"
    )
    delegation.serve(name, challenge, now)
    row = only(everything(now), "operator", "Our own zone does not take values")
    assert (row.what, row.names) == (alias.target, ("shop.example",))
    assert "cannot be reached" in row.words
    assert row.next_at == Publication.objects.get().due_at
    assert row.url == reverse("admin:validation_delegation_change", args=[alias.pk])
    Publication.objects.update(problem="")
    assert everything(now)["operator"] == {}


def test_a_value_that_cannot_be_taken_away_is_told_after_those_that_are_waited_for(alice, now, settings):
    settings.DELEGATION_ZONE = "dcv.portal.example"
    for n in range(2):
        alias = delegation.offer(alice, f"{n}.example", "cname", now)
        name = Authorization.objects.create(
            owner=alice,
            url=f"https://ca.example/{n}",
            identifier=f"{n}.example",
            method="dns-01",
            created_at=now,
        )
        published = now - timedelta(hours=1) if n == 0 else None
        Publication.objects.create(
            delegation=alias, authorization=name, value="v", wanted_at=now - timedelta(hours=2 - n),
            published_at=published, problem="refused", due_at=now + timedelta(minutes=1),
        )  # fmt: skip
    rows = everything(now)["operator"]["Our own zone does not take values"]
    assert [row.names for row in rows] == [("1.example",), ("0.example",)]
    assert "should be gone" in str(rows[1].why)
