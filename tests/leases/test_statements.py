"""The ready sentences say what the ORM's would."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from accounts.models import Letter
from certificates.models import AcmeOrder
from leases import LEASE, LeaseLost, statements
from tests.conftest import NOW
from tests.factories import CaAccountFactory, issuance_for, plan_for
from tests.leases.test_rows import letter
from validation.models import Authorization

pytestmark = pytest.mark.django_db

SOON = timedelta(seconds=1)


def test_due_are_free_rows_whose_time_has_come_the_longest_waiting_first():
    rows = [letter(n, NOW - timedelta(minutes=n)) for n in range(3)]
    letter(3, NOW + SOON)
    letter(4, None)
    held, lapsed = letter(5), letter(6, NOW - timedelta(hours=1))
    Letter.objects.filter(pk=held.pk).update(lease_until=NOW + SOON)
    Letter.objects.filter(pk=lapsed.pk).update(lease_until=NOW - SOON)
    keys = statements.due_keys(Letter, NOW, 10)
    assert keys == [row.pk for row in Letter.objects.due(NOW)]
    assert keys == [lapsed.pk, rows[2].pk, rows[1].pk, rows[0].pk]
    assert statements.due_keys(Letter, NOW, 2) == keys[:2]


def test_keys_that_are_uuids_come_back_as_such(alice):
    row = Authorization.objects.create(
        owner=alice,
        url="https://ca.example/1",
        identifier="a.example",
        method="dns-01",
        created_at=NOW,
        due_at=NOW,
    )
    assert statements.due_keys(Authorization, NOW, 5) == [row.pk]
    assert statements.claim(Authorization, str(row.pk), NOW, NOW + LEASE) == row
    assert statements.claim(Authorization, row.pk, NOW, NOW + LEASE) is None


def test_a_claim_answers_with_the_row_as_it_was_written(alice, django_assert_num_queries):
    order = issuance_for(plan_for(alice), due_at=NOW).acme_orders.get()
    AcmeOrder.objects.filter(pk=order.pk).update(problem={"type": "x"}, authorization_urls=["https://ca/1"])
    with django_assert_num_queries(1):
        claimed = AcmeOrder.objects.claim(order.pk, NOW)
    again = AcmeOrder.objects.get(pk=order.pk)
    assert (claimed.epoch, claimed.lease_until) == (order.epoch + 1, NOW + LEASE)
    assert {field.attname: getattr(claimed, field.attname) for field in AcmeOrder._meta.concrete_fields} == {
        field.attname: getattr(again, field.attname) for field in AcmeOrder._meta.concrete_fields
    }


def test_due_rows_are_named_with_their_owners(alice):
    order = issuance_for(plan_for(alice), due_at=NOW).acme_orders.get()
    issuance_for(plan_for(alice), due_at=NOW + SOON)
    path = AcmeOrder.objects.none().owner_path
    assert statements.due_with_owners(AcmeOrder, path, NOW, 5) == [(order.pk, alice.pk)]
    assert statements.due_with_owners(AcmeOrder, path, NOW - SOON, 5) == []


def test_a_claim_among_narrowed_rows_stays_within_them():
    row = letter()
    assert Letter.objects.filter(kind="other").claim(row.pk, NOW) is None
    assert Letter.objects.filter(kind="other").claim_next(NOW) is None
    assert Letter.objects.filter(kind="test").claim(row.pk, NOW).pk == row.pk


def test_every_kind_of_column_is_written_as_the_orm_would(alice):
    order = issuance_for(plan_for(alice), due_at=NOW).acme_orders.get()
    other = CaAccountFactory()
    order.write(
        account=other, problem={"type": "x", "n": [1]}, authorization_urls=["https://ca.example/1"],
        expires_at=NOW, tries=3, url=None,
    )  # fmt: skip
    again = AcmeOrder.objects.get(pk=order.pk)
    assert (again.account, again.problem, again.expires_at, again.tries) == (
        other,
        {"type": "x", "n": [1]},
        NOW,
        3,
    )
    assert again.authorization_urls == ["https://ca.example/1"]
    order.write(problem=None)
    assert AcmeOrder.objects.filter(pk=order.pk, problem__isnull=True).exists()


def test_what_is_no_plain_value_is_left_to_the_orm():
    row = Letter.objects.claim(letter().pk, NOW)
    assert statements.write(row, row.epoch, {"tries": F("tries") + 2}) is None
    row.write(tries=F("tries") + 2)
    row.refresh_from_db()
    assert row.tries == 2


def test_another_epoch_is_not_written():
    row = Letter.objects.claim(letter().pk, NOW)
    assert statements.write(row, row.epoch + 1, {"tries": 9}) == 0
    Letter.objects.filter(pk=row.pk).update(epoch=row.epoch + 1)
    with pytest.raises(LeaseLost):
        row.write(tries=9)
