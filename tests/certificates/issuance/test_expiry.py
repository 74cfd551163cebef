"""An order that its customer lets expire: looks stop, another is opened, and a letter says that the values have changed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Letter
from validation.models import Authorization

pytestmark = pytest.mark.django_db


def test_who_lets_an_order_expire_is_written_to_and_asked_for_new_values(desk, alice):
    desk.shows = False
    desk.ca.authz_expires = desk.now + timedelta(minutes=10)
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(minutes=5))
    assert not Letter.objects.filter(kind="publish_again").exists()
    old = Authorization.objects.get()
    desk.ca.authz_expires = desk.now + timedelta(days=30)
    desk.run(timedelta(minutes=20))
    letters = Letter.objects.filter(kind="publish_again", to=alice.email)
    assert letters.count() == 1
    assert wanted.acme_orders.count() == 2
    old.refresh_from_db()
    assert old.status != Authorization.Status.PENDING or old.due_at is None
    desk.run(timedelta(days=1))
    assert letters.count() == 1
    desk.shows = True
    desk.run_until_issued(wanted)
