"""A query that is built once answers like the ORM, for every value, with all that it joins."""

from __future__ import annotations

import threading

import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError

from accounts.models import Letter
from audit.models import Entry
from certificates.models import AcmeOrder, Issuance
from leases.prepared import Prepared
from orders.models import Plan
from tests.conftest import NOW
from tests.factories import PlanFactory, issuance_for, plan_for
from tests.leases.test_rows import letter

pytestmark = pytest.mark.django_db


def test_it_finds_what_the_orm_finds_for_each_value():
    by_key = Prepared(lambda pk: Letter.objects.filter(pk=pk), Letter._meta.pk)
    rows = [letter(n) for n in range(3)]
    for row in rows:
        assert by_key(row.pk) == [row]
        assert by_key(row.pk)[0].due_at == row.due_at
    assert by_key(10**9) == []


def test_it_reads_the_rows_anew_each_time():
    by_key = Prepared(lambda pk: Letter.objects.filter(pk=pk), Letter._meta.pk)
    row = letter()
    assert by_key(row.pk)[0].problem == ""
    Letter.objects.filter(pk=row.pk).update(problem="refused")
    assert by_key(row.pk)[0].problem == "refused"


def test_keys_of_every_kind_and_moments_can_be_asked_for(alice):
    plan = PlanFactory(owner=alice)
    assert Prepared(lambda pk: Plan.objects.filter(pk=pk), Plan._meta.pk)(plan.pk) == [plan]
    assert Prepared(lambda pk: Plan.objects.filter(pk=pk), Plan._meta.pk)(str(plan.pk)) == [plan]
    due = Prepared(lambda at: Letter.objects.filter(due_at=at), Letter._meta.get_field("due_at"))
    row = letter()
    assert due(NOW) == [row]


def test_what_it_joins_is_there_without_another_question(alice, django_assert_num_queries):
    order = issuance_for(plan_for(alice), due_at=NOW).acme_orders.get()
    joined = Prepared(
        lambda pk: AcmeOrder.objects.select_related("issuance__plan__owner", "issuance__key").filter(pk=pk),
        AcmeOrder._meta.pk,
    )
    with django_assert_num_queries(1):
        found = joined(order.pk)[0]
        assert found.issuance.plan.owner == alice
        assert found.issuance.key is None
        assert found.problem is None
        assert found.issuance.names == order.issuance.names


def test_another_thread_builds_its_own():
    by_action = Prepared(lambda pk: Entry.objects.filter(pk=pk), Entry._meta.pk)
    by_action(1)
    built = []
    thread = threading.Thread(target=lambda: built.append(dict(by_action._built.__dict__)))
    thread.start()
    thread.join()
    assert built == [{}]


def test_a_value_that_the_query_alters_is_refused():
    altered = Prepared(
        lambda text: Letter.objects.filter(kind__contains=text), Letter._meta.get_field("kind")
    )
    with pytest.raises(ValueError, match="as it is"):
        altered("x")


def test_values_are_found_as_tuples_through_their_fields(alice):
    issuance = issuance_for(plan_for(alice), due_at=NOW)
    asked = Prepared(
        lambda pk: Issuance.objects.filter(pk=pk).values_list("names", "plan_id"), Issuance._meta.pk
    )
    assert asked(issuance.pk) == [(issuance.names, issuance.plan_id)]
    flat = Prepared(
        lambda pk: Issuance.objects.filter(pk=pk).values_list("state", flat=True), Issuance._meta.pk
    )
    assert flat.first(issuance.pk) == (Issuance.State.WANTED,)


def test_the_first_of_many_is_asked_for_by_a_slice():
    asked = Prepared(
        lambda kind: Letter.objects.filter(kind=kind).order_by("pk").values_list("pk")[:1],
        Letter._meta.get_field("kind"),
    )
    first, _second = letter(1), letter(2)
    assert asked("test") == [(first.pk,)]
    assert asked.first("test") == (first.pk,)
    assert asked.first("other") is None


def test_a_row_is_held_only_inside_a_transaction(alice, transactional_db):
    plan = plan_for(alice)
    held = Prepared(
        lambda pk: Plan.objects.select_for_update().filter(pk=pk).values_list("state"), Plan._meta.pk
    )
    for _time in range(2):
        with transaction.atomic():
            assert held.first(plan.pk) == (plan.state,)
        with pytest.raises(TransactionManagementError):
            held.first(plan.pk)
