"""Set up once, then never again: a real CA that really looks, a real DNS server, and reissues without the customer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.test import Client
from django.utils import timezone

from certificates import issuance
from certificates.models import AcmeOrder, Certificate, Issuance
from portal import sweeping
from sandbox.free_ports import free_port
from tests.certificates.renewal.by_itself import renewed
from tests.contracts.ca import CaServer, running_pebble
from tests.factories import CaAccountFactory, plan_for
from tests.validation import bind as real
from validation import delegation, redirects
from validation.models import Authorization, Control, Delegation, Publication

pytestmark = [pytest.mark.server, pytest.mark.town, pytest.mark.django_db]

ZONE = "dcv.portal.example"
HTTP_PORT = free_port()
QUEUES = ("acme_orders", "authorizations", "publications", "delegations")
REALLY_LOOKS = {"PEBBLE_VA_ALWAYS_VALID": "0", "PEBBLE_AUTHZREUSE": "0"}


@pytest.fixture(scope="module")
def bind(tmp_path_factory) -> Iterator[real.Bind]:
    zones = {
        ZONE: "",
        "shop.example": "@ IN A 127.0.0.1\nwww IN A 127.0.0.1",
        "portal.test": "@ IN A 127.0.0.1",
    }
    with real.running_bind(tmp_path_factory.mktemp("bind"), zones, written=(ZONE, "shop.example")) as server:
        yield server


@pytest.fixture(scope="module")
def strict_pebble(tmp_path_factory, bind) -> Iterator[CaServer]:
    with running_pebble(
        tmp_path_factory.mktemp("pebble"),
        environment=REALLY_LOOKS,
        dns=f"127.0.0.1:{bind.port}",
        http_port=HTTP_PORT,
    ) as server:
        yield server


@pytest.fixture
def account(db, strict_pebble, bind, settings):
    settings.DELEGATION_ZONE = ZONE
    settings.DELEGATION_SERVER = f"127.0.0.1:{bind.port}"
    settings.DELEGATION_TSIG_NAME, settings.DELEGATION_TSIG_SECRET = real.KEY_NAME, real.SECRET
    settings.VALIDATION_NAMESERVERS = [f"127.0.0.1:{bind.port}"]
    settings.VALIDATION_HTTP_PORT = HTTP_PORT
    settings.VALIDATION_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.CHALLENGE_REDIRECT_URL = f"http://portal.test:{HTTP_PORT}"
    settings.ALLOWED_HOSTS = ["*"]
    return CaAccountFactory(
        directory_url=strict_pebble.directory_url,
        roots_pem=strict_pebble.roots_pem,
        terms_agreed_at=timezone.now(),
    )


def run_until_issued(wanted: Issuance, seconds: float = 30.0) -> Certificate:
    """Work like a worker does, with nobody at the keyboard."""
    end = time.monotonic() + seconds
    while not Certificate.objects.filter(issuance=wanted).exists():
        assert time.monotonic() < end, list(wanted.acme_orders.values("status", "waiting_for", "problem"))
        if not [name for name in QUEUES if sweeping.work_one(name)]:
            time.sleep(0.05)
    while AcmeOrder.objects.filter(issuance=wanted, due_at__lte=timezone.now()).exists():
        sweeping.work_one("acme_orders")
    return Certificate.objects.get(issuance=wanted)


def reissue(plan, owner) -> Certificate:
    return run_until_issued(issuance.request(plan, by=owner, now=timezone.now(), kind="reissue"))


def test_an_alias_set_up_once_proves_name_and_wildcard_again_and_again(alice, account, bind):
    plan = plan_for(alice, "shop.example", "*.shop.example", account=account)
    row = delegation.offer(alice, "shop.example", "cname", timezone.now())
    real.point(bind, "shop.example", row.target)
    first = run_until_issued(issuance.request(plan, by=alice, now=timezone.now()))
    second, third = reissue(plan, alice), reissue(plan, alice)
    assert len({first.fingerprint, second.fingerprint, third.fingerprint}) == 3
    assert Control.objects.filter(owner=alice).count() == 6  # each time proven, never inherited
    for publication in Publication.objects.filter(removed_at=None):
        Publication.objects.filter(pk=publication.pk).update(due_at=timezone.now())
    while sweeping.work_one("publications"):
        pass
    assert not Publication.objects.filter(removed_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_a_redirect_set_up_once_proves_the_name_again_and_again(alice, account):
    plan = plan_for(alice, "www.shop.example", account=account, method="http-01")
    row = delegation.offer(alice, "www.shop.example", "redirect", timezone.now())
    with web(sends_challenges_to=redirects.redirect_to(row)):
        first = run_until_issued(issuance.request(plan, by=alice, now=timezone.now()))
        second = reissue(plan, alice)
        assert first.fingerprint != second.fingerprint
        assert delegation.look(claimed(row), timezone.now()).slug == "delegation_redirect_in_place"


# --- another method was chosen in step 3 than what was set up then ------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("chosen", "kind", "shown_by"),
    [
        ("http-01", "cname", "dns-01"),
        ("dns-01", "redirect", "http-01"),
        ("email", "cname", "dns-01"),
        ("email", "redirect", "http-01"),
    ],
)
def test_what_stands_proves_the_name_whatever_method_was_chosen(alice, account, bind, chosen, kind, shown_by):
    name = "www.shop.example" if kind == "redirect" else "shop.example"
    plan = plan_for(alice, name, account=account, method=chosen)
    row = delegation.offer(alice, name, kind, timezone.now())
    with set_up(bind, row):
        stand(row)
        run_until_issued(issuance.request(plan, by=alice, now=timezone.now()))
    assert Control.objects.get(owner=alice).method == shown_by


def test_what_is_set_up_while_the_order_waits_is_taken_up_by_it(alice, account, bind):
    plan = plan_for(alice, "shop.example", account=account, method="http-01")
    wanted = issuance.request(plan, by=alice, now=timezone.now())
    work_until(lambda: Authorization.objects.filter(owner=alice, status="pending").exists())
    row = delegation.offer(alice, "shop.example", "cname", timezone.now())
    with set_up(bind, row):
        run_until_issued(wanted)
    assert Control.objects.get(owner=alice).method == "dns-01"


# --- and the next certificate, which nobody asked for -------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("chosen", ["dns-01", "http-01"])
@pytest.mark.parametrize("kind", ["cname", "redirect"])
def test_the_next_certificate_comes_at_its_time_without_anybody(alice, account, bind, kind, chosen):
    name = "www.shop.example" if kind == "redirect" else "shop.example"
    plan = plan_for(alice, name, account=account, method=chosen)
    row = delegation.offer(alice, name, kind, timezone.now())
    with set_up(bind, row):
        stand(row)
        first = run_until_issued(issuance.request(plan, by=alice, now=timezone.now()))
        renewed(first)


def set_up(bind, row):
    """What the customer does once."""
    if row.kind == "redirect":
        return web(sends_challenges_to=redirects.redirect_to(row))
    real.point(bind, row.identifier, row.target)
    return nullcontext()


def stand(row) -> None:
    """Wait until the lookout has seen it."""
    work_until(lambda: Delegation.objects.standing().filter(pk=row.pk).exists())


def work_until(done, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, list(Delegation.objects.values("kind", "finding"))
        if not [name for name in QUEUES if sweeping.work_one(name)]:
            time.sleep(0.05)


def claimed(row):
    now = timezone.now()
    type(row).objects.filter(pk=row.pk).update(due_at=now)
    return type(row).objects.claim(row.pk, now)


class web:  # noqa: N801
    """The customer's web server, and the portal behind the same port, told apart by Host."""

    def __init__(self, *, sends_challenges_to: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.headers["Host"].startswith("portal.test"):
                    answer = ask_the_portal(self.path)
                    self.send_response(answer[0])
                    self.end_headers()
                    self.wfile.write(answer[1])
                    return
                self.send_response(301)
                self.send_header("Location", sends_challenges_to + self.path.rpartition("/")[2])
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", HTTP_PORT), Handler)

    def __enter__(self) -> None:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __exit__(self, *_exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def ask_the_portal(path: str) -> tuple[int, bytes]:
    answer = Client().get(path)
    return answer.status_code, answer.content
