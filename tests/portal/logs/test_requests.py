"""Each request has an id, one line, and no path in it; each row that is worked says which it is."""

from __future__ import annotations

import logging
import re

import pytest
from django.test import Client
from django.urls import reverse
from structlog.contextvars import get_contextvars

from accounts import mail as letters
from portal import sweeping
from portal.logs.requests import id_of
from tests.conftest import NOW
from tests.portal.walk_rows import whole_story

pytestmark = pytest.mark.django_db


def test_a_request_is_one_line_with_its_route_and_ids(client, alice, logged):
    story = whole_story(alice)
    client.force_login(alice)
    answer = client.get(reverse("overview", args=[story.plan.pk]) + "?next=secret")
    (line,) = logged.of("portal.logs.requests")
    assert line["message"] == "GET /certificates/<uuid:plan_id>/: 200"
    assert (line["status"], line["plan_id"], line["user_id"]) == (200, str(story.plan.pk), str(alice.pk))
    assert line["request_id"] == answer["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", line["request_id"])
    for secret in ("secret", "alice", "shop.example"):
        assert secret not in str(line)
    assert get_contextvars() == {}


def test_a_link_that_opens_something_is_not_logged(client, logged):
    client.get("/accounts/confirm-email/MQ:opens-something/")
    client.get("/accounts/password/reset/key/3-opens-something/")
    client.get("/no/such/opens-something/")
    assert "opens-something" not in logged.text
    assert "(no such page)" in logged.text


def test_nobody_is_asked_for_just_to_log(client, logged, django_assert_num_queries):
    with django_assert_num_queries(0):
        client.get("/health/live")
    (line,) = logged.of("portal.logs.requests")
    assert line["level"] == "debug"
    assert "user_id" not in line


@pytest.mark.parametrize(
    ("told", "proxies", "kept"),
    [
        ("abcdef0123456789", 1, True),
        ("abcdef0123456789", 0, False),
        ("short", 1, False),
        ("x" * 65, 1, False),
        ("forged\nline-of-mine", 1, False),
        ('{"level":"x"}', 1, False),
    ],
)
def test_only_our_own_proxy_names_a_request(rf, settings, told, proxies, kept):
    settings.TRUSTED_PROXIES = proxies
    assert (id_of(rf.get("/", headers={"X-Request-ID": told})) == told) is kept


def test_a_row_that_fails_is_told_with_everything_to_find_it_by(logged, monkeypatch):
    letter = letters.post(
        to="alice@example.org", kind="k", occasion="o", subject="s", body="opens-something", now=NOW,
        plan_id="3f2b8a9e-6f55-4b31-9c2a-0123456789ab",
    )  # fmt: skip

    def fails(row, now):
        logging.getLogger("a.library").warning("hm")
        raise RuntimeError("boom")

    monkeypatch.setitem(sweeping.QUEUES, "letters", (type(letter).objects, fails))
    sweeping.work_one("letters")
    for line in (*logged.of("a.library"), *logged.of("portal.sweeping")):
        assert (line["queue"], line["row"], line["epoch"]) == ("letters", str(letter.pk), 1)
        assert line["plan_id"] == "3f2b8a9e-6f55-4b31-9c2a-0123456789ab"
    assert "RuntimeError: boom" in logged.of("portal.sweeping")[0]["exception"]
    assert "opens-something" not in logged.text
    assert get_contextvars() == {}


def test_a_line_of_django_about_a_request_does_not_hold_its_query(logged):
    Client(enforce_csrf_checks=True).post("/accounts/login/?next=opens-something", {})
    (line,) = logged.of("django.security.csrf")
    assert line["message"].startswith("Forbidden")
    assert "request" not in line
    assert "opens-something" not in logged.text
