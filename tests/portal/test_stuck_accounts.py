"""CA accounts that work and still want a look stand on the board, each with why."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from certificates.models import CaAccount
from portal.staff.stuck.accounts import wanting_a_look
from tests.factories import CaAccountFactory, ProductIssuerFactory

pytestmark = pytest.mark.django_db


def found() -> list[str]:
    return [str(row.why) for row in wanting_a_look(timezone.now())]


def test_an_account_in_order_is_not_listed():
    account = CaAccountFactory(
        profiles={"classic": ""}, terms_agreed_at=timezone.now(), terms_url="https://ca.example/1",
        terms_offered="https://ca.example/1", pending_lives={"classic": 604800, "tlsserver": 3600},
    )  # fmt: skip
    ProductIssuerFactory(account=account, profile="classic")
    assert found() == []


def test_other_terms_are_listed_with_the_way_to_them():
    account = CaAccountFactory(
        terms_agreed_at=timezone.now(), terms_url="https://ca.example/1", terms_offered="https://ca.example/2"
    )
    (row,) = wanting_a_look(timezone.now())
    assert "other terms" in row.why
    assert str(account.pk) in row.acts[0].url
    (plain,) = [row.for_reader(lambda permission: False) for row in wanting_a_look(timezone.now())]
    assert (plain.url, plain.acts) == ("", ())


@pytest.mark.parametrize(
    ("account", "issuer", "listed"),
    [
        ({"profiles": {"tlsserver": ""}}, "tlsserver", True),
        ({"profiles": {"tlsserver": ""}, "profile": "tlsserver"}, "", True),
        ({"profiles": {"tlsserver": ""}, "profile": "tlsserver"}, "classic", False),
        ({"profiles": {}, "profile": "tlsserver"}, "", False),
        ({"pending_lives": {"": 3600}}, "", True),
        ({"pending_lives": {"": 604800}}, "", False),
        ({"pending_lives": {"": 3600}, "enabled": False}, "", False),
    ],
)
def test_a_profile_in_use_that_is_for_machines_is_listed(account, issuer, listed):
    ProductIssuerFactory(account=CaAccountFactory(**account), profile=issuer)
    assert bool(found()) is listed


def test_each_says_since_when():
    terms, short, key = (timezone.now() - timedelta(days=days) for days in (1, 2, 3))
    ProductIssuerFactory(
        account=CaAccountFactory(
            terms_agreed_at=terms, terms_offered="https://ca.example/2", terms_offered_at=terms,
            pending_lives={"": 3600}, short_since={"": short.isoformat()},
            sealed_next_key=b"x", next_key_made_at=key,
        )
    )  # fmt: skip
    assert [row.since for row in wanting_a_look(timezone.now())] == [terms, short, key]


def test_a_profile_that_no_product_uses_troubles_nobody():
    CaAccountFactory(pending_lives={"": 3600})
    assert found() == []


def test_a_key_change_without_an_answer_is_listed_while_nobody_is_at_it():
    account = CaAccountFactory(sealed_next_key=b"x")
    (why,) = found()
    assert "gave no answer" in why
    CaAccount.objects.filter(pk=account.pk).update(next_key_at=timezone.now())
    assert found() == []


def test_ten_accounts_cost_as_many_queries_as_one(django_assert_num_queries):
    for _account in range(10):
        ProductIssuerFactory(account=CaAccountFactory(pending_lives={"": 3600}))
    with django_assert_num_queries(2):
        assert len(found()) == 10
