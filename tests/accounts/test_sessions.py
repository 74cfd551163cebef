"""A session is found by its key while it runs, and by nothing else; found by one query."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.sessions import SessionStore

pytestmark = pytest.mark.django_db


def kept(**values: object) -> str:
    store = SessionStore()
    store.update(values)
    store.save()
    assert store.session_key is not None
    return store.session_key


def test_what_was_kept_is_found_with_one_query(django_assert_num_queries):
    key = kept(basket="shop.example")
    kept(basket="other.example")
    with django_assert_num_queries(1):
        assert SessionStore(key)["basket"] == "shop.example"


def test_a_key_that_nobody_has_given_out_gets_another_one():
    """Or else a visitor could be made to sign in under a key that somebody else has chosen."""
    kept(basket="shop.example")
    chosen = "a" * 32
    store = SessionStore(chosen)
    assert dict(store.items()) == {}
    store["basket"] = "mine.example"
    store.save()
    assert store.session_key != chosen
    assert not Session.objects.filter(session_key=chosen).exists()


def test_a_session_that_has_run_out_is_none():
    key = kept(basket="shop.example")
    ends = Session.objects.get(session_key=key).expire_date
    with time_machine.travel(ends - timedelta(seconds=1), tick=False):
        assert SessionStore(key).get("basket") == "shop.example"
    with time_machine.travel(ends, tick=False):
        assert SessionStore(key).get("basket") is None


def test_one_that_was_ended_elsewhere_is_none():
    key = kept(basket="shop.example")
    SessionStore(key).flush()
    assert SessionStore(key).get("basket") is None


def test_what_somebody_has_changed_by_hand_says_nothing():
    key = kept(basket="shop.example")
    Session.objects.filter(session_key=key).update(session_data="eyJiYXNrZXQiOiJldmlsIn0:forged")
    assert SessionStore(key).get("basket") is None


def test_whoever_signs_out_takes_the_session_with_them(client, alice):
    client.force_login(alice)
    key = client.session.session_key
    client.logout()
    assert not Session.objects.filter(session_key=key, expire_date__gt=timezone.now()).exists()
