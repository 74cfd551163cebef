"""/metrics: for whom there is such a page, what stands there, and how little it costs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import mail as letters
from accounts.models import Letter
from certificates.models import AcmeOrder, CaAccount, Issuance
from outbound import call
from portal import sweeping
from portal.metrics.doors import may_read
from tests.conftest import NOW
from tests.factories import CaAccountFactory, certificate_for, issuance_for, plan_for
from tests.portal.metrics.figures import Figures

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-prometheus"


@pytest.fixture
def read(client, settings):
    settings.METRICS_TOKEN = TOKEN

    def figures() -> Figures:
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]
        return Figures(answer.content.decode())

    return figures


# --- who --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "networks", "sent", "address", "may"),
    [
        ("", [], "", "127.0.0.1", False),
        ("", [], "Bearer ", "127.0.0.1", False),
        ("", [], "Bearer", "127.0.0.1", False),
        (TOKEN, [], f"Bearer {TOKEN}", "203.0.113.7", True),
        (TOKEN, [], f"bearer  {TOKEN} ", "203.0.113.7", True),
        (TOKEN, [], f"Basic {TOKEN}", "203.0.113.7", False),
        (TOKEN, [], TOKEN, "203.0.113.7", False),
        (TOKEN, [], f"Bearer {TOKEN[:-1]}", "203.0.113.7", False),
        (TOKEN, [], "Bearer é", "203.0.113.7", False),
        ("", ["10.0.0.0/8", "fd00::/8"], "", "10.1.2.3", True),
        ("", ["10.0.0.0/8", "fd00::/8"], "", "fd00::1", True),
        ("", ["10.0.0.0/8"], "", "::ffff:10.1.2.3", True),
        ("", ["10.0.0.0/8"], "", "11.1.2.3", False),
        ("", ["10.0.0.0/8"], "", None, False),
        ("", ["10.0.0.0/8"], "", "nonsense", False),
    ],
)
def test_who_may_read(settings, token, networks, sent, address, may):
    settings.METRICS_TOKEN, settings.METRICS_NETWORKS = token, networks
    assert may_read(sent, address) is may


def test_for_everybody_else_there_is_no_such_page(client, operator, settings):
    settings.METRICS_TOKEN, settings.METRICS_NETWORKS = "", []
    assert client.get("/metrics").status_code == 404
    client.force_login(operator)
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = TOKEN
    assert client.get("/metrics", headers={"Authorization": "Bearer guess"}).status_code == 404
    assert client.get(f"/metrics?token={TOKEN}").status_code == 404


def test_a_forged_proxy_header_opens_nothing(client, settings):
    settings.METRICS_NETWORKS, settings.TRUSTED_PROXIES = ["10.0.0.0/8"], 0
    headers = {"X-Forwarded-For": "10.0.0.1"}
    assert client.get("/metrics", headers=headers, REMOTE_ADDR="203.0.113.7").status_code == 404
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.1").status_code == 200


# --- what -------------------------------------------------------------------------------------------


def test_calls_are_counted_by_verb_and_outcome_and_strangers_servers_are_not_named(read):
    with call("ca", "newOrder", "ca.example") as this:
        this.outcome = "201"
    with pytest.raises(TimeoutError), call("web", "GET", "customer.example"):
        raise TimeoutError
    figures = read()
    labels = {"verb": "newOrder", "peer": "ca.example", "outcome": "201"}
    assert figures.value("chancery_outbound_calls_total", **labels) >= 1
    assert figures.value("chancery_outbound_call_seconds_count", verb="newOrder", peer="ca.example") >= 1
    assert (
        figures.value(
            "chancery_outbound_calls_total", kind="web", verb="GET", peer="", outcome="TimeoutError"
        )
        >= 1
    )
    assert "customer.example" not in figures.text


def test_mails_and_events_are_counted_by_fate(read, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    before = read().value("chancery_rows_worked_total", queue="letters", outcome="sent") or 0
    letters.post(to="a@example.org", kind="k", occasion="1", subject="s", body="b", now=timezone.now())
    sweeping.sweep()
    assert read().value("chancery_rows_worked_total", queue="letters", outcome="sent") == before + 1


def test_a_row_that_fails_is_counted_as_failed(read, monkeypatch):
    letters.post(to="a@example.org", kind="k", occasion="1", subject="s", body="b", now=timezone.now())
    before = read().value("chancery_rows_worked_total", queue="letters", outcome="failed") or 0

    def fails(row, now):
        raise RuntimeError

    monkeypatch.setitem(sweeping.QUEUES, "letters", (Letter.objects, fails))
    sweeping.work_one("letters")
    assert read().value("chancery_rows_worked_total", queue="letters", outcome="failed") == before + 1


def test_pages_are_counted_by_pattern_never_by_address(client, read):
    client.get("/guides/keys/")
    client.get("/no/such/page/")
    client.generic("BREW", "/guides/")
    figures = read()
    assert (
        figures.value(
            "chancery_http_requests_total", route="/guides/<slug:slug>/", method="GET", status="200"
        )
        >= 1
    )
    assert (
        figures.value("chancery_http_requests_total", route="(no such page)", method="GET", status="404") >= 1
    )
    assert figures.value("chancery_http_requests_total", route="/guides/", method="other", status="405") >= 1
    assert "no/such" not in figures.text


def test_queues_tell_how_much_is_due_and_what_nobody_touches(read):
    now = timezone.now()
    for number in range(3):
        letters.post(to="a@example.org", kind="k", occasion=str(number), subject="s", body="b", now=now)
    hour, minute = now - timedelta(hours=1), now - timedelta(minutes=1)
    first, second, third = Letter.objects.order_by("pk")
    Letter.objects.filter(pk=first.pk).update(due_at=hour)
    Letter.objects.filter(pk=second.pk).update(due_at=hour, lease_until=minute)
    Letter.objects.filter(pk=third.pk).update(due_at=minute, lease_until=now + timedelta(minutes=1))
    figures = read()
    assert figures.value("chancery_due_rows", queue="letters") == 2
    assert figures.value("chancery_held_rows", queue="letters") == 1
    assert figures.value("chancery_lapsed_leases", queue="letters") == 1
    assert 3590 < figures.value("chancery_oldest_due_seconds", queue="letters") < 3700
    assert 3590 < figures.value("chancery_untouched_seconds", queue="letters") < 3700
    assert 55 < figures.value("chancery_oldest_lapsed_lease_seconds", queue="letters") < 100
    assert figures.value("chancery_due_rows", queue="acme_orders") == 0
    # A row that is claimed again and again is in trouble, but somebody is at it.
    Letter.objects.filter(pk=first.pk).delete()
    assert read().value("chancery_untouched_seconds", queue="letters") < 100


def test_wanted_certificates_are_told_by_whom_they_wait_for(read, alice):
    long_ago = timezone.now() - timedelta(days=2)
    issuance_for(plan_for(alice, "a.example"), waiting_for="customer")
    issuance_for(plan_for(alice, "b.example"), created_at=long_ago, waiting_for="ca")
    tried = issuance_for(plan_for(alice, "c.example"), waiting_for="ca", status="invalid")
    AcmeOrder.objects.create(
        issuance=tried,
        account=CaAccount.objects.first(),
        attempt=2,
        created_at=long_ago,
        waiting_for="operator",
    )
    done = issuance_for(plan_for(alice, "d.example"), waiting_for="")
    Issuance.objects.filter(pk=done.pk).update(state="issued")
    figures = read()
    assert figures.value("chancery_issuances_wanted", waiting_for="customer") == 1
    assert figures.value("chancery_issuances_wanted", waiting_for="ca") == 1
    assert figures.value("chancery_issuances_wanted", waiting_for="operator") == 1
    assert figures.value("chancery_issuances_wanted", waiting_for="nobody") == 0
    assert 170_000 < figures.value("chancery_issuances_oldest_seconds", waiting_for="ca") < 175_000


def test_orders_at_cas_are_told_by_status_with_the_age_of_the_oldest(read, alice):
    now = timezone.now()
    columns = {"due_at": now + timedelta(minutes=1), "waiting_for": "ca"}
    issuance_for(plan_for(alice, "a.example"), created_at=now, status="processing", **columns)
    issuance_for(
        plan_for(alice, "b.example"), created_at=now - timedelta(days=2), status="processing", **columns
    )
    issuance_for(plan_for(alice, "c.example"), created_at=now, status="pending", **columns)
    # Its certificate is to be fetched; the other's is here and only its authorizations are still to be given back.
    issuance_for(plan_for(alice, "d.example"), created_at=now, status="valid", **columns)
    issuance_for(plan_for(alice, "e.example"), created_at=now, status="valid", ended_at=now, **columns)
    figures = read()
    told = {
        status: figures.value("chancery_acme_orders", status=status)
        for status in ("pending", "ready", "processing", "valid", "invalid")
    }
    assert told == {"pending": 1, "ready": 0, "processing": 2, "valid": 1, "invalid": 0}
    assert 170_000 < figures.value("chancery_acme_orders_oldest_seconds", status="processing") < 175_000
    assert figures.value("chancery_acme_orders_oldest_seconds", status="ready") == 0


def test_paused_and_resting_cas_are_told_and_accounts_of_single_customers_are_not(read, alice):
    plan_for(alice)
    account = CaAccount.objects.get()
    now = timezone.now()
    CaAccount.objects.filter(pk=account.pk).update(
        paused_at=now, resting_until=now + timedelta(minutes=5), failures=4
    )
    CaAccount.objects.create(
        name="of alice", directory_url="https://ca.example", parent=account, customer=alice
    )
    figures = read()
    assert figures.value("chancery_ca_paused", account=account.name) == 1
    assert figures.value("chancery_ca_resting", account=account.name) == 1
    assert figures.value("chancery_ca_failures", account=account.name) == 4
    assert "of alice" not in figures.text


def test_a_certificate_is_told_with_what_all_its_tries_have_asked(read, alice):
    assert read().value("chancery_requests_per_certificate") == 0
    for tries in ([8], [5, 11]):
        certificate = certificate_for(plan_for(alice, "shop.example"))
        AcmeOrder.objects.bulk_create(
            AcmeOrder(
                issuance=certificate.issuance, owner=alice, account=CaAccountFactory(), attempt=number, created_at=NOW,
                status="invalid", requests=asked,
            )
            for number, asked in enumerate(tries, start=5)
        )  # fmt: skip
    assert read().value("chancery_requests_per_certificate") == 12


def test_without_its_database_the_page_comes_and_says_so(read):
    def refuse(execute, sql, params, many, context):
        raise DatabaseError("password=hunter2")

    with connection.execute_wrapper(refuse):
        figures = read()
    assert figures.value("chancery_database_up") == 0
    assert "chancery_http_requests_total" in figures.names()
    assert "hunter2" not in figures.text
    assert read().value("chancery_database_up") == 1


def test_the_number_of_queries_does_not_grow_with_the_rows(read, alice):
    with CaptureQueriesContext(connection) as few:
        read()
    for number in range(5):
        issuance_for(plan_for(alice, f"{number}.example"), waiting_for="ca", due_at=timezone.now())
    with CaptureQueriesContext(connection) as many:
        read()
    assert len(many) == len(few) <= 25
