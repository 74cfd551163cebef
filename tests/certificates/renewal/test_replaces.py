"""`replaces` in newOrder (RFC 9773 §5): told where it can be heard, done without where it is refused, once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import Entry
from certificates import issuance
from certificates.issuance.replacing import REFUSED
from certificates.models import AcmeOrder, CaAccount, Certificate, Issuance
from certificates.renewal.ari import cert_id
from tests.certificates.connectors.rough_ca import Reply, problem
from tests.certificates.issuance.desk import newest

HOUR = timedelta(hours=1)


@pytest.fixture
def first(desk, account, alice) -> Certificate:
    return desk.first(alice, "shop.example", "www.shop.example")


def again(desk, alice, first, **changes) -> Issuance:
    wanted = issuance.request(first.plan, by=alice, now=desk.now, kind="rekey", replaces=first, **changes)
    desk.run(HOUR, until=lambda: Certificate.objects.filter(issuance=wanted).exists())
    return wanted


def told(desk) -> list[str | None]:
    """What the newOrders after the first one said."""
    return desk.ca.told[1:]


def refusals() -> int:
    return Entry.objects.filter(action="acme_order:replaces_refused").count()


def test_it_is_told_and_kept_in_the_row(desk, alice, first):
    wanted = again(desk, alice, first)
    assert told(desk) == [cert_id(first.leaf_pem)]
    assert newest(wanted).replaces == cert_id(first.leaf_pem)
    assert Certificate.objects.filter(issuance=wanted).exists()
    assert refusals() == 0


@pytest.mark.parametrize(
    "reply",
    [
        problem("alreadyReplaced", 409, "It has a successor."),
        problem("malformed", 400, "parsing ARI CertID failed"),
        problem("malformed", 400, "No."),
        problem("unauthorized", 403, "The account did not request the certificate being replaced."),
        problem("urn:ca.example:odd", 400, "replaces is not supported here"),
    ],
    ids=["alreadyReplaced", "malformed", "malformed without a word", "unauthorized", "unknown"],
)
def test_refused_it_is_ordered_once_without_and_nothing_else_changes(desk, alice, first, reply):
    desk.ca.refuses_replaces = reply
    wanted = again(desk, alice, first)
    name = cert_id(first.leaf_pem)
    assert told(desk) == [name, None]
    order = newest(wanted)
    assert (order.attempt, order.replaces, order.problem) == (1, REFUSED, None)
    assert Certificate.objects.filter(issuance=wanted).count() == 1
    entry = Entry.objects.get(action="acme_order:replaces_refused")
    assert entry.details["replaces"] == name
    desk.check()


def test_a_refusal_that_speaks_of_something_else_stays_what_it_is(desk, alice, first):
    desk.ca.refuses_replaces = problem("rejectedIdentifier", 400, "We do not issue for this name.")
    wanted = again(desk, alice, first)
    wanted.refresh_from_db()
    assert wanted.state == "failed"
    assert len(told(desk)) == 1
    assert refusals() == 0


@pytest.mark.parametrize("status", [429, 503, 500])
def test_a_ca_that_is_busy_is_told_the_same_again(desk, alice, first, status):
    desk.ca.spoil(
        "newOrder",
        problem("rateLimited" if status == 429 else "serverInternal", status, headers={"Retry-After": "60"}),
    )
    wanted = again(desk, alice, first)
    assert Certificate.objects.filter(issuance=wanted).exists()
    assert told(desk) == [cert_id(first.leaf_pem)]
    assert refusals() == 0


def test_an_answer_that_was_lost_leads_to_one_certificate(desk, alice, first):
    desk.ca.spoil("newOrder", Reply(dies="before"), acts=True)
    wanted = again(desk, alice, first)
    name = cert_id(first.leaf_pem)
    # The CA had made the order: it refuses the second one that replaces the same, and gets it without.
    assert told(desk) == [name, name, None]
    assert Certificate.objects.filter(issuance=wanted).count() == 1
    assert refusals() == 1


def test_the_next_try_of_the_same_issuance_does_not_tell_it_once_refused(desk, alice, first):
    desk.ca.refuses_replaces = problem("alreadyReplaced", 409)
    desk.ca.validates = "invalid"
    wanted = again(desk, alice, first)
    desk.ca.validates = "valid"
    issuance.try_again(wanted, by=alice, now=desk.now)
    desk.run(HOUR, until=lambda: Certificate.objects.filter(issuance=wanted).exists())
    assert told(desk) == [cert_id(first.leaf_pem), None, None]
    assert refusals() == 1


def test_the_next_try_tells_it_again_where_it_was_heard(desk, alice, first):
    desk.ca.validates = "invalid"
    wanted = again(desk, alice, first)
    desk.ca.validates = "valid"
    issuance.try_again(wanted, by=alice, now=desk.now)
    desk.run(HOUR, until=lambda: Certificate.objects.filter(issuance=wanted).exists())
    assert told(desk) == [cert_id(first.leaf_pem)] * 2
    assert refusals() == 0


def test_nothing_is_told_to_a_ca_without_renewal_information_or_to_another_account(desk, alice, first):
    CaAccount.objects.update(has_renewal_info=False)
    again(desk, alice, first)
    assert told(desk) == [None]
    CaAccount.objects.update(has_renewal_info=True)
    Certificate.objects.filter(pk=first.pk).update(account=None)
    again(desk, alice, first)
    assert told(desk) == [None, None]


def test_nothing_is_told_about_a_certificate_of_quite_other_names(desk, alice, first):
    Certificate.objects.filter(pk=first.pk).update(names=["other.example"])
    wanted = again(desk, alice, first)
    assert told(desk) == [None]
    assert newest(wanted).replaces == ""


def test_nothing_is_told_about_a_certificate_without_a_certid(desk, alice, first):
    Certificate.objects.filter(pk=first.pk).update(leaf_pem="-----BEGIN")
    again(desk, alice, first)
    assert told(desk) == [None]
    assert AcmeOrder.objects.filter(replaces="").count() == 2
