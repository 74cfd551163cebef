"""After finalize a certificate may exist: one "not found" ends nothing, and only a CA that has lost all begins anew at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Letter
from certificates.models import Certificate
from tests.certificates.connectors.rough_ca import Reply, problem
from tests.certificates.issuance.desk import newest

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
NOT_HERE = problem("malformed", 404, detail="No such thing.")
REFUSALS = {
    "404": NOT_HERE,
    "empty 404": Reply(404, b""),
    "410": problem("malformed", 410),
    "another account's": problem("unauthorized", 403, detail="The order is another account's."),
    "no account": problem("accountDoesNotExist", 400),
}


def finalized(desk, alice):
    """An order whose CSR was sent, and which the CA works on."""
    desk.ca.processing_polls = 3
    wanted = desk.wish(alice, "shop.example")
    desk.run(MINUTE, until=lambda: newest(wanted).finalizing_at is not None)
    assert newest(wanted).certificate_url == ""
    return wanted


def finalized_other(desk, bob):
    """Another customer's, just as far."""
    wanted = desk.wish(bob, "other.example")
    desk.run(MINUTE, until=lambda: newest(wanted).finalizing_at is not None)
    assert newest(wanted).certificate_url == ""
    return wanted


def signed_once(desk, wanted) -> None:
    assert wanted.acme_orders.count() == 1
    assert desk.ca.asked_for["newOrder"] == 1
    assert desk.ca.certificates == 1
    assert Certificate.objects.filter(issuance=wanted).count() == 1


@pytest.mark.parametrize("reply", REFUSALS.values(), ids=REFUSALS)
def test_one_refusal_at_the_certificate_is_asked_again_and_signs_nothing_twice(desk, alice, reply):
    desk.ca.spoil("cert", reply)
    wanted = desk.wish(alice, "shop.example")
    desk.run_until_issued(wanted, 5 * MINUTE)
    signed_once(desk, wanted)


@pytest.mark.parametrize("reply", REFUSALS.values(), ids=REFUSALS)
def test_one_refusal_at_the_order_after_finalize_is_asked_again_and_signs_nothing_twice(desk, alice, reply):
    wanted = finalized(desk, alice)
    desk.ca.spoil("order", reply)
    desk.run_until_issued(wanted, 5 * MINUTE)
    signed_once(desk, wanted)


def test_a_404_at_finalize_that_was_done_all_the_same_signs_nothing_twice(desk, alice):
    desk.ca.spoil("finalize", NOT_HERE, acts=True)
    wanted = desk.wish(alice, "shop.example")
    desk.run_until_issued(wanted, 5 * MINUTE)
    signed_once(desk, wanted)


def test_a_replica_that_is_behind_for_a_few_looks_is_outwaited(desk, alice):
    wanted = finalized(desk, alice)
    desk.ca.spoil("order", *[NOT_HERE] * 3)
    desk.run_until_issued(wanted, 15 * MINUTE)
    signed_once(desk, wanted)


def test_what_stays_gone_for_ten_minutes_and_four_looks_is_ordered_anew_with_the_same_key(desk, alice):
    desk.ca.spoil_always("cert", NOT_HERE)
    wanted = desk.wish(alice, "shop.example")
    desk.run(9 * MINUTE)
    assert newest(wanted).attempt == 1
    assert desk.ca.asked_for["cert"] >= 4
    wanted.refresh_from_db()
    key, csr = wanted.key_id, bytes(wanted.csr)
    desk.run(6 * MINUTE, until=lambda: newest(wanted).attempt == 2)
    desk.ca.heal()
    desk.run_until_issued(wanted, 5 * MINUTE)
    wanted.refresh_from_db()
    assert newest(wanted).attempt == 2
    assert (wanted.key_id, bytes(wanted.csr)) == (key, csr)
    assert not Letter.objects.filter(kind="validation_failed").exists()


def test_looks_without_an_answer_do_not_count_as_gone(desk, alice):
    """Four hours without an answer and one 404 are not four looks that found nothing."""
    wanted = finalized(desk, alice)
    desk.ca.spoil("order", NOT_HERE, *[problem("serverInternal", 500)] * 8, NOT_HERE)
    desk.run_until_issued(wanted, timedelta(hours=6))
    signed_once(desk, wanted)


@pytest.mark.parametrize("verb", ["order", "cert"])
def test_a_ca_that_has_lost_all_its_state_is_told_everything_again_at_once(desk, alice, verb):
    wanted = finalized(desk, alice)
    if verb == "cert":
        desk.ca.spoil_always("cert", problem("serverInternal", 500))
        desk.run(MINUTE, until=lambda: newest(wanted).certificate_url != "")
        desk.ca.heal()
    desk.ca.forget_everything()
    began = desk.now
    desk.run_until_issued(wanted, 15 * MINUTE)
    assert wanted.acme_orders.count() == 2
    assert Certificate.objects.get(issuance=wanted).issued_at - began < 2 * MINUTE


def test_every_order_of_an_account_that_had_to_be_opened_anew_is_begun_afresh_at_once(desk, alice, bob):
    wanted = [finalized(desk, alice), finalized_other(desk, bob)]
    desk.ca.forget_everything()
    for one in wanted:
        desk.run_until_issued(one, 5 * MINUTE)
    assert [one.acme_orders.count() for one in wanted] == [2, 2]


def test_before_finalize_nothing_can_be_lost_and_a_404_begins_anew_at_once(desk, alice):
    desk.ca.spoil("authz", NOT_HERE)
    wanted = desk.wish(alice, "shop.example")
    began = desk.now
    desk.run_until_issued(wanted, 5 * MINUTE)
    assert wanted.acme_orders.count() == 2
    assert Certificate.objects.get(issuance=wanted).issued_at - began < MINUTE
