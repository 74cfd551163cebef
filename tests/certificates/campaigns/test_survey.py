"""The dry run: what it says, and that a thousand certificates cost as many queries as ten."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from certificates.campaigns.progress import progress_of
from certificates.campaigns.survey import survey
from certificates.models import (
    Activation,
    ActivationName,
    Campaign,
    Certificate,
    Issuance,
    ProductIssuer,
    Revocation,
)
from orders.models import Order, OrderItem, Plan
from tests.factories import ProductFactory, UserFactory, issuance_for
from validation.models import Delegation


def counts(found) -> dict[str, int]:
    return {out.why: out.count for out in found.left_out}


def test_it_says_who_takes_part_and_why_others_cannot(desk, alice, operator):
    desk.certificate(alice, "good.example", "www.good.example")
    desk.certificate(UserFactory(), "also.example")
    suspended = desk.certificate(alice, "suspended.example").plan
    Plan.objects.filter(pk=suspended.pk).suspend()
    Plan.objects.filter(pk=desk.certificate(alice, "ended.example").plan_id).update(state="ended")
    unable = desk.certificate(alice, "unable.example").plan
    ProductIssuer.objects.filter(product=unable.product, account=desk.other).delete()
    unready = desk.certificate(alice, "unready.example").plan
    Activation.objects.filter(plan=unready).update(csr_done_at=None)
    issuance_for(desk.certificate(alice, "busy.example").plan)
    known = desk.certificate(alice, "known.example", key="pasted")
    revoked = desk.certificate(alice, "revoked.example")
    for row, reason, refused in ((known, 1, desk.now), (revoked, 4, None)):
        Revocation.objects.create(certificate=row, reason=reason, asked_at=desk.now, refused_at=refused)
    expired = desk.certificate(alice, "expired.example")
    Certificate.objects.filter(pk=expired.pk).update(not_after=desk.now - timedelta(hours=1))
    before = Issuance.objects.count()
    found = survey(desk.account, desk.other, desk.now)
    assert (found.certificates, found.taking_part, found.customers) == (9, 2, 2)
    assert counts(found) == {
        "suspended": 1, "ended": 1, "product": 1, "setup": 1, "revoked": 1, "key": 1, "busy": 1,
    }  # fmt: skip
    assert (found.names, found.needing) == (3, 3)
    assert {name.text for name in found.needed} == {"good.example", "www.good.example", "also.example"}
    assert [plan.pk for out in found.left_out if out.why == "suspended" for plan in out.plans] == [
        suspended.pk
    ]
    assert (Issuance.objects.count(), Campaign.objects.count()) == (before, 0)


def test_where_the_ca_takes_our_word_nobody_has_to_publish(desk, alice):
    desk.certificate(alice, "good.example")
    desk.other.email_mode = "prevalidated"
    found = survey(desk.account, desk.other, desk.now)
    assert (found.names, found.needing, found.needed) == (1, 0, [])


def test_names_that_prove_themselves_need_nobody(desk, alice, bob):
    desk.certificate(alice, "good.example", "www.good.example")
    desk.certificate(bob, "good.example")
    for owner, broken_at in ((alice, None), (bob, desk.now)):
        Delegation.objects.create(
            owner=owner, identifier="good.example", zone="dcv.example", created_at=desk.now, seen_at=desk.now,
            broken_at=broken_at,
        )  # fmt: skip
    found = survey(desk.account, desk.other, desk.now)
    assert (found.names, found.needing) == (3, 2)
    assert sorted(name.text for name in found.needed) == ["good.example", "www.good.example"]


def test_what_stands_needs_nobody_whatever_method_was_chosen(desk, alice):
    desk.certificate(alice, "a.example", "*.a.example", "b.example", "*.b.example", "c.example")
    for name, kind in (("a.example", "cname"), ("b.example", "redirect"), ("c.example", "cname")):
        Delegation.objects.create(
            owner=alice, identifier=name, kind=kind, zone="dcv.example", created_at=desk.now, seen_at=desk.now
        )
    ActivationName.objects.filter(ascii="a.example", wildcard=False).update(method="http-01")
    ActivationName.objects.filter(ascii="c.example").update(method="email")
    found = survey(desk.account, desk.other, desk.now)
    assert sorted(name.text for name in found.needed) == ["*.b.example", "c.example"]


def test_it_shows_names_that_caa_closes_to_the_other_ca(desk, alice, dns):
    desk.certificate(alice, "open.example")
    desk.certificate(alice, "closed.example", "*.closed.example")
    dns.add("closed.example", "CAA", '0 issue "y.example"', '0 issuewild "x.example"')
    found = survey(desk.account, desk.other, desk.now)
    assert found.caa_asked == 3
    assert [(report.name, report.wildcard) for report in found.caa] == [("closed.example", True)]


@pytest.mark.parametrize("many", [1000])
def test_a_thousand_cost_as_many_queries_as_ten(desk, operator, many):
    desk.other.caa_identities = []
    desk.other.save()
    campaign = Campaign.objects.create(
        from_account=desk.account, to_account=desk.other, reason="r", created_at=desk.now, asked_by=operator
    )
    stock(desk, 10)
    few = queries(lambda: survey(desk.account, desk.other, desk.now))
    few_of_progress = queries(lambda: progress_of(campaign, desk.now))
    stock(desk, many)
    assert queries(lambda: survey(desk.account, desk.other, desk.now)) == few <= 20
    assert queries(lambda: progress_of(campaign, desk.now)) == few_of_progress <= 8
    assert survey(desk.account, desk.other, desk.now).taking_part == many + 10


def queries(work) -> int:
    with CaptureQueriesContext(
        connection,
    ) as caught:
        work()
    return len(caught)


def stock(desk, count: int) -> None:
    """So many certificates of the first CA, as bare rows."""
    now, owner, product = timezone.now(), UserFactory(), ProductFactory()
    ProductIssuer.objects.create(product=product, account=desk.other)
    numbers = [uuid.uuid4().hex for _ in range(count)]
    orders = Order.objects.bulk_create(
        Order(owner=owner, state="paid", currency="EUR", number=f"T{text[:8]}", created_at=now)
        for text in numbers
    )
    items = OrderItem.objects.bulk_create(
        OrderItem(order=order, product=product, years=1, amount=1900) for order in orders
    )
    plans = Plan.objects.bulk_create(
        Plan(item=item, owner=owner, product=product, state="active", single_names=1, wildcard_names=0, years=1,
             starts_at=now, ends_at=now + timedelta(days=365)) for item in items
    )  # fmt: skip
    activations = Activation.objects.bulk_create(
        Activation(plan=plan, csr_source="generated", csr_done_at=now, finished_at=now) for plan in plans
    )
    ActivationName.objects.bulk_create(
        ActivationName(activation=row, ascii=f"{text}.example", method="dns-01")
        for row, text in zip(activations, numbers, strict=True)
    )
    issuances = Issuance.objects.bulk_create(
        Issuance(plan=plan, state="issued", names=[], created_at=now) for plan in plans
    )
    Certificate.objects.bulk_create(
        Certificate(issuance=row, plan=row.plan, owner=owner, account=desk.account, names=[f"{text}.example"], serial=text,
                    issuer="CN=X", fingerprint=text * 2, spki_sha256=text * 2, not_before=now,
                    not_after=now + timedelta(days=90), issued_at=now)
        for row, text in zip(issuances, numbers, strict=True)
    )  # fmt: skip
