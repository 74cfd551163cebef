"""Browsers of people who signed in a while ago, at the time of the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.test import Client

from accounts.models import User
from tests.conftest import NOW
from tests.factories import PASSWORD

JUST_NOW, LONG_AGO = 60, 901


@pytest.fixture(autouse=True)
def _time_of_the_tests() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def browser(db) -> Callable[..., Client]:
    """A signed-in client; `ago` is how many seconds ago the password was given."""

    def sign_in(user: User, *, ago: int = JUST_NOW, address: str = "203.0.113.7") -> Client:
        if not user.has_usable_password():
            user.set_password(PASSWORD)
            user.save(update_fields=["password"])
        client = Client(REMOTE_ADDR=address)
        client.force_login(user, backend="accounts.backends.ByName")
        session = client.session
        session["account_authentication_methods"] = [{"method": "password", "at": NOW.timestamp() - ago}]
        session["account_authentication_methods_user"] = str(user.pk)
        session.save()
        return client

    return sign_in
