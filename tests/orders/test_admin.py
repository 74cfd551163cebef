"""Orders and plans in the admin: giving money back, suspending, resuming, granting time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import Entry
from orders.models import Order, Plan, Refund
from tests.factories import PASSWORD, PaymentFactory
from tests.portal.walk_rows import whole_story

pytestmark = pytest.mark.django_db


@pytest.fixture
def story(alice):
    return whole_story(alice)


@pytest.fixture
def oscar(operator):
    """The operator, signed in with a password a moment ago."""
    operator.set_password(PASSWORD)
    operator.save()
    client = Client()
    return signed_in_now(client, operator)


def signed_in_now(client, user):
    client.force_login(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": timezone.now().timestamp()}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return client


def refund_url(story):
    return reverse("admin:orders_order_refund", args=[story.order.pk])


def asked(story, **changes):
    return {"payment": story.payment.pk, "amount": "5.00", "reason": "wrong domain bought"} | changes


# --- refunds ------------------------------------------------------------------------------------------------


def test_an_operator_gives_a_part_back(oscar, operator, story):
    assert (
        refund_url(story)
        in oscar.get(reverse("admin:orders_order_change", args=[story.order.pk])).content.decode()
    )
    page = oscar.get(refund_url(story))
    assert 'value="18.00"' in page.content.decode(), "what is left is offered"
    assert oscar.post(refund_url(story), asked(story)).status_code == 302
    wanted = Refund.objects.latest("pk")
    assert (wanted.amount, wanted.reason, wanted.asked_by, wanted.state) == (
        500,
        "wrong domain bought",
        operator.email,
        "wanted",
    )
    assert wanted.due_at is not None, "the sweep carries it out"
    assert Entry.objects.filter(action="refund:asked", actor=operator.email).exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "18.01"}, {"amount": "0"}, {"amount": "-5"}, {"amount": "1e9"}, {"amount": "NaN"}, {"amount": ""}, {"amount": "5.001"},
        {"amount": "fünf"}, {"reason": ""}, {"reason": "no"}, {"reason": "x" * 201}, {"payment": ""}, {"payment": "999999"},
    ],
    ids=str,
)  # fmt: skip
def test_a_refund_that_makes_no_sense_is_refused_at_its_field(oscar, story, changes):
    response = oscar.post(refund_url(story), asked(story, **changes))
    assert response.status_code == 422
    assert set(response.context["form"].errors) == set(changes)
    assert Refund.objects.count() == 1


def test_a_payment_of_another_order_cannot_be_refunded_here(oscar, story, bob):
    other = whole_story(bob, "other.example")
    response = oscar.post(refund_url(story), asked(story, payment=other.payment.pk))
    assert response.status_code == 422
    assert Refund.objects.filter(payment=other.payment).count() == 1


def test_no_more_than_was_received_ever_goes_back(oscar, story):
    oscar.post(refund_url(story), asked(story, amount="18.00"))
    response = oscar.post(refund_url(story), asked(story, amount="0.01"), follow=True)
    assert "no money of this order that could be given back" in response.content.decode()
    assert sum(Refund.objects.filter(payment=story.payment).values_list("amount", flat=True)) == 1900
    assert refund_url(story) not in response.content.decode()


def test_money_that_never_came_cannot_be_given_back(oscar, story, bob):
    payment = PaymentFactory(order__owner=bob)
    response = oscar.get(reverse("admin:orders_order_refund", args=[payment.order.pk]))
    assert response.status_code == 302
    assert Refund.objects.count() == 1


def test_a_currency_without_cents_is_counted_whole(oscar, story):
    type(story.payment).objects.filter(pk=story.payment.pk).update(currency="JPY", received_amount=5000)
    assert oscar.post(refund_url(story), asked(story, amount="0.50")).status_code == 422
    assert oscar.post(refund_url(story), asked(story, amount="1200")).status_code == 302
    assert Refund.objects.latest("pk").amount == 1200


def test_a_refund_asks_for_a_recent_sign_in(operator, story):
    operator.set_password(PASSWORD)
    operator.save()
    client = Client()
    client.force_login(operator)
    for response in (client.get(refund_url(story)), client.post(refund_url(story), asked(story))):
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/reauthenticate/")
    assert Refund.objects.count() == 1


def test_support_can_neither_see_the_button_nor_give_money_back(support, story):
    client = signed_in_now(Client(), support)
    assert (
        refund_url(story)
        not in client.get(reverse("admin:orders_order_change", args=[story.order.pk])).content.decode()
    )
    assert client.get(refund_url(story)).status_code == 403
    assert client.post(refund_url(story), asked(story)).status_code == 403
    assert Refund.objects.count() == 1


def test_a_customer_who_guesses_the_address_is_sent_away(client, alice, story):
    client.force_login(alice)
    assert client.post(refund_url(story), asked(story)).status_code == 302
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("person", ["operator", "support"])
def test_money_rows_cannot_be_written_by_hand(request, client, story, person):
    client.force_login(request.getfixturevalue(person))
    for name, row in [("payment", story.payment), ("refund", story.refund), ("order", story.order)]:
        assert (
            client.post(
                reverse(f"admin:orders_{name}_change", args=[row.pk]), {"state": "paid", "total": 1}
            ).status_code
            == 403
        )
        assert client.get(reverse(f"admin:orders_{name}_add")).status_code == 403
        assert (
            client.post(reverse(f"admin:orders_{name}_delete", args=[row.pk]), {"post": "yes"}).status_code
            == 403
        )


def test_even_a_superuser_writes_no_money_by_hand(client, story):
    from tests.factories import UserFactory

    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    assert (
        client.post(
            reverse("admin:orders_payment_change", args=[story.payment.pk]), {"state": "paid"}
        ).status_code
        == 403
    )
    assert (
        client.post(reverse("admin:orders_order_delete", args=[story.order.pk]), {"post": "yes"}).status_code
        == 403
    )


# --- plans -----------------------------------------------------------------------------------------------------


def test_an_operator_grants_more_time_and_nothing_else(client, operator, story):
    client.force_login(operator)
    until = story.plan.ends_at + timedelta(days=30)
    data = {
        "ends_at_0": until.strftime("%Y-%m-%d"),
        "ends_at_1": until.strftime("%H:%M:%S"),
        "state": "ended",
        "single_names": 99,
    }
    assert client.post(reverse("admin:orders_plan_change", args=[story.plan.pk]), data).status_code == 302
    plan = Plan.objects.get(pk=story.plan.pk)
    assert plan.ends_at == until
    assert (plan.state, plan.single_names) == (story.plan.state, story.plan.single_names)
    entry = Entry.objects.get(action="staff:changed")
    assert (entry.plan_id, entry.order_id) == (plan.pk, story.order.pk)
    assert "Ends" in str(entry.details["what"])


def test_an_operator_suspends_a_plan_and_lets_it_go_on(client, operator, story):
    client.force_login(operator)
    Plan.objects.filter(pk=story.plan.pk).update(state="active")
    suspend, resume = (
        reverse(f"admin:orders_plan_{verb}", args=[story.plan.pk]) for verb in ("suspend", "resume")
    )
    assert client.get(suspend).status_code == 200
    assert client.post(suspend, {"reason": ""}).status_code == 422
    assert Plan.objects.get(pk=story.plan.pk).state == "active"
    client.post(suspend, {"reason": "abuse report 17"})
    client.post(suspend, {"reason": "abuse report 17"})
    assert Plan.objects.get(pk=story.plan.pk).state == "suspended"
    assert resume in client.get(reverse("admin:orders_plan_change", args=[story.plan.pk])).content.decode()
    client.post(resume, {"reason": "was a mistake"})
    assert Plan.objects.get(pk=story.plan.pk).state == "active"
    told = Entry.objects.filter(plan_id=story.plan.pk, actor=operator.email).order_by("pk")
    assert [(e.action, e.details["reason"]) for e in told] == [
        ("plan:suspended", "abuse report 17"),
        ("plan:resumed", "was a mistake"),
    ]


def test_support_suspends_nothing_even_with_the_address(client, support, story):
    client.force_login(support)
    for verb in ("suspend", "resume"):
        url = reverse(f"admin:orders_plan_{verb}", args=[story.plan.pk])
        assert client.get(url).status_code == 403
        assert client.post(url, {"reason": "because I can"}).status_code == 403
    assert not Permission.objects.filter(codename="change_plan", group__name="support").exists()


def test_the_walk_is_linked_from_the_order_on(client, support, story):
    client.force_login(support)
    order = client.get(reverse("admin:orders_order_change", args=[story.order.pk])).content.decode()
    assert reverse("admin:orders_plan_change", args=[story.plan.pk]) in order
    assert reverse("admin:orders_payment_change", args=[story.payment.pk]) in order
    plan = client.get(reverse("admin:orders_plan_change", args=[story.plan.pk])).content.decode()
    for url in (
        reverse("admin:orders_order_change", args=[story.order.pk]),
        reverse("admin:certificates_activation_change", args=[story.activation.pk]),
        reverse("admin:certificates_issuance_change", args=[story.issuance.pk]),
        reverse("admin:certificates_certificate_change", args=[story.certificate.pk]),
        reverse("staff_plan", args=[story.plan.pk]),
    ):
        assert url in plan


@pytest.mark.parametrize(
    "words",
    [lambda s: s.order.number, lambda s: "alice@", lambda s: "shop.exa", lambda s: str(s.plan.owner_id)],
)
def test_orders_are_found_by_number_mail_domain_and_owner(client, support, story, bob, words):
    whole_story(bob, "other.example")
    client.force_login(support)
    text = client.get(reverse("admin:orders_order_changelist"), {"q": words(story)}).content.decode()
    assert story.order.number in text
    assert Order.objects.exclude(pk=story.order.pk).get().number not in text
