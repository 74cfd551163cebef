"""Guessing passwords: the limits stand before the hasher, at the portal's door and at the admin's."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.urls import reverse

from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db


class CountingHasher(MD5PasswordHasher):
    """Counts how often a guess is compared; quick, so that only the limits slow an attack down."""

    algorithm = "counting"
    compared = 0

    def verify(self, password, encoded):
        CountingHasher.compared += 1
        return super().verify(password, encoded)


@pytest.fixture(autouse=True)
def _fresh(settings):
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "sign-in"}
    }
    cache.clear()
    CountingHasher.compared = 0
    yield
    cache.clear()


@pytest.fixture
def victim(operator):
    operator.set_password(PASSWORD)
    operator.save()
    EmailAddress.objects.create(user=operator, email=operator.email, verified=True, primary=True)
    return operator


def guess(client, email, password, **extra):
    return client.post(reverse("account_login"), {"login": email, "password": password}, **extra)


def test_the_right_password_opens_the_door(client, victim):
    assert guess(client, victim.email, PASSWORD).status_code == 302
    assert client.get(reverse("staff_home")).status_code == 200


def test_a_hundred_guesses_reach_the_hasher_a_handful_of_times(client, victim):
    answers = [guess(client, victim.email, f"guess number {n}") for n in range(100)]
    assert {answer.status_code for answer in answers} <= {200, 429}
    assert CountingHasher.compared <= 10
    assert "_auth_user_id" not in client.session


def test_guesses_from_many_addresses_at_one_account_are_counted_together(client, victim):
    for n in range(100):
        guess(client, victim.email, f"guess number {n}", REMOTE_ADDR=f"198.51.100.{n}")
    assert CountingHasher.compared <= 10


def test_after_the_guesses_even_the_right_password_waits(client, victim):
    for n in range(10):
        guess(client, victim.email, f"guess number {n}")
    before = CountingHasher.compared
    guess(client, victim.email, PASSWORD)
    assert "_auth_user_id" not in client.session
    assert CountingHasher.compared == before


def test_guesses_at_many_accounts_from_one_address_are_counted_together(client, victim):
    for n in range(100):
        guess(client, f"person{n}@example.org", "the usual password")
    assert CountingHasher.compared <= 15


def test_a_made_up_forwarding_header_does_not_make_a_new_address(client, victim):
    for n in range(100):
        guess(client, f"person{n}@example.org", "the usual password", HTTP_X_FORWARDED_FOR=f"203.0.113.{n}")
    assert CountingHasher.compared <= 15


@pytest.mark.parametrize("name", ["admin:login", "admin:index"])
def test_the_admin_has_no_door_of_its_own_to_guess_at(client, victim, name):
    for n in range(100):
        answer = client.post(reverse(name), {"username": victim.email, "password": f"guess number {n}"})
        assert answer.status_code == 302
    assert (
        client.post(reverse("admin:login"), {"username": victim.email, "password": PASSWORD}).status_code
        == 302
    )
    assert "_auth_user_id" not in client.session
    assert CountingHasher.compared == 0
