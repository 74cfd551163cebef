"""A ready UPDATE changes the rows that the ORM's would."""

from __future__ import annotations

import pytest
from django.db.models import F

from accounts.models import Letter
from certificates.models import Issuance
from leases.updates import update
from orders.models import Plan
from tests.conftest import NOW
from tests.factories import issuance_for, plan_for
from tests.leases.test_rows import letter

pytestmark = pytest.mark.django_db


def test_the_row_is_changed_as_long_as_it_is_what_it_was_thought_to_be(alice):
    issuance = issuance_for(plan_for(alice), due_at=NOW)
    where = {"pk": issuance.pk, "state": Issuance.State.WANTED}
    assert update(Issuance, where, state=Issuance.State.ISSUED, ended_at=NOW, problem=None) == 1
    assert update(Issuance, where, state=Issuance.State.WITHDRAWN) == 0
    issuance.refresh_from_db()
    assert (issuance.state, issuance.ended_at, issuance.problem) == (Issuance.State.ISSUED, NOW, None)
    assert Issuance.objects.filter(problem__isnull=True).exists()


def test_rows_are_found_by_null_by_several_keys_and_by_a_row(alice):
    rows = [letter(n) for n in range(4)]
    some = [row.pk for row in rows[:3]]
    Letter.objects.filter(pk=rows[0].pk).update(sent_at=NOW)
    assert update(Letter, {"pk": some, "sent_at": None}, problem="late") == 2
    assert set(Letter.objects.filter(problem="late")) == set(rows[1:3])
    assert update(Letter, {"pk": set(some), "problem": ("late", "never")}, problem="") == 2
    assert update(Letter, {"pk": []}, problem="nobody") == 0
    plan = plan_for(alice)
    issuance = issuance_for(plan, due_at=NOW)
    assert update(Issuance, {"plan": plan}, key_type="x") == 1
    assert update(Issuance, {"plan_id": plan.pk}, names=[{"ascii": "b.example"}], csr=b"\x00%s") == 1
    issuance.refresh_from_db()
    assert (issuance.names, bytes(issuance.csr)) == ([{"ascii": "b.example"}], b"\x00%s")


def test_a_foreign_key_can_be_written(alice):
    issuance = issuance_for(plan_for(alice), due_at=NOW)
    assert update(Issuance, {"pk": issuance.pk}, requested_by=alice) == 1
    issuance.refresh_from_db()
    assert issuance.requested_by == alice


@pytest.mark.parametrize(("where", "values"), [
    ({"pk": 1}, {"tries": F("tries") + 1}),
    ({"tries": F("epoch")}, {"tries": 1}),
])  # fmt: skip
def test_what_the_database_would_have_to_work_out_is_refused(where, values):
    with pytest.raises(ValueError, match="no plain value"):
        update(Letter, where, **values)


def test_a_state_that_a_plan_can_be_in_is_stored_as_its_word(alice):
    plan = plan_for(alice)
    assert update(Plan, {"pk": plan.pk}, state=Plan.State.ENDED) == 1
    assert Plan.objects.filter(state="ended").get() == plan
