"""The machinery of the role table: the people, the rows that addresses speak of, and how an answer is put in a word."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver

from accounts.models import User
from certificates.models import AcmeOrder
from orders.models import Product
from tests.factories import PASSWORD, UserFactory, staff
from tests.portal.walk_rows import whole_story

HASHED = make_password(PASSWORD)
ROLES = ("anonymous", "other", "owner", "support", "operator")


@dataclass(frozen=True)
class Row:
    """One address. `get` and `post` hold one word for each of ROLES; "" means that the verb is not asked.

    A word is a status, or where a redirect leads: `in` to sign-in, `again` to signing in again, `door` to the admin's
    sign-in, `on` anywhere else. `-` stands where asking would leave the house; another test asks there.
    """

    route: str
    get: str = ""
    post: str = ""
    values: dict[str, str] = field(default_factory=dict)


def routes() -> Iterator[str]:
    """Every route of the URLconf, as written there."""

    def walk(patterns: list, prefix: str) -> Iterator[str]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if hasattr(pattern, "url_patterns"):
                yield from walk(pattern.url_patterns, route)
            else:
                yield route

    yield from walk(get_resolver().url_patterns, "")


@dataclass
class Town:
    """alice's whole story, bob's, and somebody of each kind."""

    story: SimpleNamespace
    people: dict[str, User | None]

    def values(self) -> dict[str, str]:
        story = self.story
        return {
            "plan_id": story.plan.pk,
            "order_id": story.order.pk,
            "certificate_id": story.certificate.pk,
            "account_id": story.account.pk,
            "issuance_id": story.issuance.pk,
            "campaign_id": story.campaign.pk,
            "control_id": str(story.first.authorizations[0].controls.get().pk),
            "letter_id": str(story.letter.pk),
            "approval_id": story.approval.pk,
            "position": "1",
        }

    def client(self, role: str) -> Client:
        """A browser of this person, signed in a moment ago. A server error is an answer here, not an exception."""
        client = Client(raise_request_exception=False)
        person = self.people[role]
        if person is not None:
            sign_in(client, person)
        return client


def sign_in(client: Client, person: User) -> None:
    """Sign in as if with the password just now, as far as allauth's records go."""
    client.force_login(person)
    session = client.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time(), "reauthenticated": True}
    ]
    session["account_authentication_methods_user"] = str(person.pk)
    session.save()


def town() -> Town:
    alice = UserFactory(email="alice@example.org")
    story = whole_story(alice)
    Product.objects.filter(pk=story.product.pk).update(slug="dv-table")
    AcmeOrder.objects.filter(pk=story.again.acme_order.pk).update(answered_at=None)
    bob = UserFactory(email="bob@example.org")
    whole_story(bob, "other.example")
    people = {
        "anonymous": None,
        "other": bob,
        "owner": alice,
        "support": staff("sue@portal.example", "support"),
        "operator": staff("oscar@portal.example", "operators"),
    }
    for person in people.values():
        if person is not None:
            # Made once: hashing is slow, and all a page asks is whether there is a password.
            User.objects.filter(pk=person.pk).update(password=HASHED)
            person.refresh_from_db()
    # A row of each noun that has a page in the admin and is no part of a plan's story.
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    Authenticator.objects.create(user=UserFactory(), type="totp", data={"secret": "x"})
    return Town(story, people)


def address(row: Row, values: dict[str, str]) -> str:
    """Fill a route: `orders/<uuid:order_id>/` becomes `/orders/8c…/`. Raises KeyError for a name nobody knows."""
    known = {**values, **row.values}
    path = re.sub(
        r"\(\?P<(\w+)>[^)]*\)",
        lambda match: str(known[match[1]]),
        row.route.replace("^", "").replace("$", ""),
    )
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(known[match[1]]), path)


def word(response: HttpResponse) -> str:
    """Put an answer in one word of the table."""
    if response.status_code not in {301, 302, 303, 307, 308}:
        return str(response.status_code)
    target = response["Location"]
    if target.startswith("/accounts/login/"):
        return "in"
    if target.startswith("/admin/login/"):
        return "door"
    return "again" if "reauthenticate/" in target else "on"
