"""Staff without a second factor reach nothing of the staff's, whatever the address."""

from __future__ import annotations

import uuid

import pytest
from allauth.mfa.models import Authenticator
from django.urls import get_resolver, reverse

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _demanded(settings):
    settings.STAFF_SECOND_FACTOR_REQUIRED = True


def staff_urls() -> list[str]:
    """Every address under /admin/ and /staff/, with ids of nothing."""

    def walk(patterns, prefix):
        for pattern in patterns:
            route = prefix + str(pattern.pattern).removeprefix("^").removesuffix("$")
            if hasattr(pattern, "url_patterns"):
                yield from walk(pattern.url_patterns, route)
            elif route.startswith(("admin/", "staff/")):
                yield route

    fill = {
        "<uuid:": str(uuid.uuid4()),
        "<path:": "1",
        "<int:": "1",
        "<slug:": "x",
        "<str:": "x",
        "(?P<": "x",
    }
    urls = []
    for route in walk(get_resolver().url_patterns, ""):
        parts = [
            next((value for mark, value in fill.items() if part.startswith(mark)), part)
            for part in route.split("/")
        ]
        urls.append("/" + "/".join(parts))
    return urls


def test_there_are_many_such_addresses():
    urls = staff_urls()
    assert len(urls) > 80
    assert any(url.startswith("/staff/plans/") for url in urls)


@pytest.mark.parametrize("person", ["support", "operator", "root"])
def test_staff_without_a_second_factor_reach_no_staff_address(request, client, person):
    user = (
        UserFactory(is_staff=True, is_superuser=True) if person == "root" else request.getfixturevalue(person)
    )
    client.force_login(user)
    for url in staff_urls():
        for answer in (client.get(url), client.post(url, {"reason": "let me in"})):
            assert answer.status_code == 302, url
            assert answer["Location"].startswith(reverse("mfa_index")), url


def test_nor_any_other_page_but_their_own_account(client, support):
    client.force_login(support)
    assert client.get("/certificates/")["Location"].startswith(reverse("mfa_index"))
    for name in ("mfa_index", "account_email"):
        answer = client.get(reverse(name))
        assert not (answer.status_code == 302 and "staff=1" in answer["Location"])


@pytest.mark.parametrize("kind", ["totp", "webauthn"])
def test_with_a_second_factor_they_do(client, support, kind):
    Authenticator.objects.create(user=support, type=kind, data={"secret": "x"})
    client.force_login(support)
    assert client.get(reverse("staff_home")).status_code == 200
    assert client.get(reverse("admin:index")).status_code == 200


def test_recovery_codes_alone_are_no_second_factor(client, support):
    Authenticator.objects.create(user=support, type="recovery_codes", data={})
    client.force_login(support)
    assert client.get(reverse("staff_home")).status_code == 302


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/../admin/",
        "/accounts/..%2fadmin/",
        "/static/../staff/",
        "//admin/",
        "/ADMIN/",
        "/admin;/accounts/",
        "/accounts//admin/",
    ],
)
def test_no_spelling_of_a_free_address_leads_around(client, support, path):
    client.force_login(support)
    answer = client.get(path)
    assert answer.status_code in {302, 404}
    if answer.status_code == 302:
        assert answer["Location"].startswith(reverse("mfa_index"))


def test_customers_are_not_asked_for_one(client, alice):
    client.force_login(alice)
    assert client.get("/").status_code == 200


def test_in_the_sandbox_nobody_is_asked(client, support, settings):
    settings.STAFF_SECOND_FACTOR_REQUIRED = False
    client.force_login(support)
    assert client.get(reverse("staff_home")).status_code == 200
