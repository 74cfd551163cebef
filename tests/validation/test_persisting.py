"""What a standing record says, and whether it says it of this customer's account."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import Entry
from identifiers.names import Name
from validation import delegation, persisting
from validation.models import Delegation

pytestmark = pytest.mark.django_db

URI = "https://ca.example/acct/7"
RIGHT = f"ca.example; accounturi={URI}; policy=wildcard"


@pytest.fixture
def row(alice, now):
    return persisting.offer(
        alice, "shop.example", account_uri=URI, issuer="ca.example", wildcard=True, now=now
    )


@pytest.mark.parametrize(
    ("texts", "slug"),
    [
        ([RIGHT], "persist_in_place"),
        ([RIGHT.replace("; ", ";")], "persist_in_place"),
        ([f"CA.Example. ; AccountURI = {URI} ; Policy=WILDCARD"], "persist_in_place"),
        ([f"{RIGHT}; persistUntil=4102444800"], "persist_in_place"),
        ([f"{RIGHT}; unknown=thing"], "persist_in_place"),
        (["other.example; accounturi=https://other.example/1", RIGHT], "persist_in_place"),
        ([], "persist_missing"),
        (["v=spf1 -all"], "persist_missing"),
        ([f"other.example; accounturi={URI}; policy=wildcard"], "persist_missing"),
        (["ca.example; policy=wildcard"], "persist_other_account"),
        ([f"ca.example; accounturi={URI}1; policy=wildcard"], "persist_other_account"),
        ([f"ca.example; accounturi={URI.upper()}; policy=wildcard"], "persist_other_account"),
        ([f"ca.example; accounturi={URI}"], "persist_no_wildcard"),
        ([f"ca.example; accounturi={URI}; policy=other"], "persist_no_wildcard"),
        ([f"{RIGHT}; persistUntil=1700000000"], "persist_ended"),
        ([f"{RIGHT}; persistUntil=soon"], "persist_ended"),
        ([f"{RIGHT}; persistUntil="], "persist_ended"),
        ([f"{RIGHT}; accounturi={URI}"], "persist_missing"),
        ([";;;", "\x00", "=" * 5000], "persist_missing"),
    ],
)
def test_a_record_is_read_as_the_ca_reads_it(row, now, texts, slug):
    assert persisting.judge(texts, row, now) == slug


def test_without_a_wildcard_in_the_plan_none_is_asked_for(alice, now):
    row = persisting.offer(
        alice, "one.example", account_uri=URI, issuer="ca.example", wildcard=False, now=now
    )
    assert persisting.value(row) == f"ca.example; accounturi={URI}"
    assert persisting.judge([persisting.value(row)], row, now) == "persist_in_place"


def test_offered_twice_it_is_one_row_and_one_entry(alice, row, now):
    again = persisting.offer(
        alice, "shop.example", account_uri=URI, issuer="ca.example", wildcard=False, now=now
    )
    assert again.pk == row.pk
    assert again.wildcard, "a record that spoke for the wildcard keeps doing so"
    assert Entry.objects.filter(action="delegation:offered").count() == 1


def test_a_record_for_another_account_has_not_been_seen(alice, row, now):
    Delegation.objects.filter(pk=row.pk).update(seen_at=now)
    moved = persisting.offer(
        alice,
        "shop.example",
        account_uri=f"{URI}1",
        issuer="ca.example",
        wildcard=True,
        now=now + timedelta(1),
    )
    assert (moved.pk, moved.seen_at) == (row.pk, None)


def test_it_answers_no_challenge_at_another_ca(alice, row, now):
    Delegation.objects.filter(pk=row.pk).update(seen_at=now)
    assert not delegation.answers(alice, [Name("shop.example")])
