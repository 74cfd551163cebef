"""The six steps of an issuance tick off in their order."""

from __future__ import annotations

import pytest

from certificates.models import AcmeOrder
from certificates.progress import progress_of
from tests.conftest import NOW
from tests.factories import certificate_for, issuance_for, plan_for
from validation.models import Authorization


def states(issuance) -> str:
    letters = {"done": "d", "now": "n", "todo": "t", "failed": "f"}
    return "".join(letters[step.state] for step in progress_of(issuance))


def authorize(issuance, *shown) -> None:
    order = issuance.acme_orders.get()
    for number, at in enumerate(shown):
        order.authorizations.add(
            Authorization.objects.create(
                owner=issuance.plan.owner, url=f"https://ca/a{number}", identifier=f"n{number}.example", method="dns-01",
                created_at=NOW, shown_at=at,
            )
        )  # fmt: skip


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({}, "nttttt"),
        ({"url": "https://ca/1"}, "dntttt"),
        ({"url": "https://ca/1", "answered_at": NOW}, "dddntt"),
        ({"url": "https://ca/1", "answered_at": NOW, "status": "ready"}, "ddddnt"),
        ({"url": "https://ca/1", "answered_at": NOW, "status": "processing", "finalizing_at": NOW}, "dddddn"),
        ({"url": "https://ca/1", "answered_at": NOW, "status": "invalid"}, "dddftt"),
        ({"url": "https://ca/1", "status": "invalid"}, "dftttt"),
    ],
)
def test_the_steps_follow_the_order(alice, order, expected):
    assert states(issuance_for(plan_for(alice), **order)) == expected


def test_records_count_up_name_by_name(alice):
    issuance = issuance_for(plan_for(alice), url="https://ca/1", waiting_for="customer")
    authorize(issuance, NOW, None, None)
    seen = progress_of(issuance)[1]
    assert (seen.state, seen.detail) == ("now", "1 of 3")


def test_all_records_seen_is_a_step_with_its_time(alice):
    issuance = issuance_for(plan_for(alice), url="https://ca/1")
    authorize(issuance, NOW, NOW)
    seen = progress_of(issuance)[1]
    assert (seen.state, seen.at, seen.detail) == ("done", NOW, "")


def test_names_that_were_proven_before_are_validated_without_being_asked(alice):
    """All authorizations may come `valid`: then the CA is never asked to look, and nothing stays undone."""
    issuance = issuance_for(plan_for(alice), url="https://ca/1", status="ready")
    authorize(issuance, None)
    Authorization.objects.update(status="valid")
    assert states(issuance) == "ddddnt"


def test_an_issued_one_is_done_throughout(alice):
    certificate = certificate_for(plan_for(alice))
    assert states(certificate.issuance) == "dddddd"
    AcmeOrder.objects.all().delete()
    assert states(certificate.issuance)[1:] == "ddddd"


def test_without_any_order_the_first_step_is_under_way(alice):
    issuance = issuance_for(plan_for(alice))
    AcmeOrder.objects.all().delete()
    assert states(issuance) == "nttttt"
