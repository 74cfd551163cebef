"""A record that stands: a real CA that reads it in a real DNS, and certificates without the customer."""

from __future__ import annotations

import time
from collections.abc import Iterator

import dns.name
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update
import pytest
from django.urls import reverse
from django.utils import timezone

from certificates import issuance
from certificates.models import AcmeOrder, CaAccount, Certificate
from portal import sweeping
from tests.certificates.renewal.by_itself import renewed
from tests.contracts.ca import running_acme2certifier
from tests.factories import CaAccountFactory, plan_for
from tests.validation import bind as real
from validation import persisting
from validation.models import Authorization, Control, Delegation

pytestmark = [pytest.mark.server, pytest.mark.town, pytest.mark.django_db]

QUEUES = ("acme_orders", "authorizations", "delegations")
BOTH = ("shop.example", "*.shop.example")


@pytest.fixture(scope="module")
def bind(tmp_path_factory) -> Iterator[real.Bind]:
    zones = {"shop.example": "@ IN A 127.0.0.1\nwww IN A 127.0.0.1"}
    with real.running_bind(tmp_path_factory.mktemp("bind"), zones, written=("shop.example",)) as server:
        yield server


@pytest.fixture
def by_itself() -> bool:
    """Whether the CA looks for the record while the order is made, without being asked."""
    return False


@pytest.fixture
def account(db, bind, tmp_path, settings, by_itself):
    settings.VALIDATION_NAMESERVERS = [f"127.0.0.1:{bind.port}"]
    publish(bind, None)
    with running_acme2certifier(tmp_path / "ca", dns_port=bind.port, by_itself=by_itself) as server:
        yield CaAccountFactory(
            directory_url=server.directory_url,
            roots_pem=server.roots_pem,
            contact="ops@portal.example",
            terms_agreed_at=timezone.now(),
            caa_identities=["ca.example"],
            per_customer=True,
        )


def publish(bind: real.Bind, text: str | None, host: str = "_validation-persist") -> None:
    keyring = dns.tsigkeyring.from_text({real.KEY_NAME: real.SECRET})
    update = dns.update.UpdateMessage(
        "shop.example",
        keyring=keyring,
        keyname=dns.name.from_text(real.KEY_NAME),
        keyalgorithm="hmac-sha256.",
    )
    update.delete(host, "TXT")
    if text is not None:
        update.add(host, 60, "TXT", f'"{text}"')
    assert dns.query.tcp(update, "127.0.0.1", port=bind.port, timeout=5).rcode() == dns.rcode.NOERROR


def opened(owner, house) -> CaAccount:
    """The customer's own account, opened with their first order; what that one is shown by does not matter here."""
    wanted = issuance.request(
        plan_for(owner, "www.shop.example", account=house), by=owner, now=timezone.now()
    )
    work_until(lambda: Authorization.objects.filter(owner=owner).exists())
    issuance.withdraw(wanted, by=owner, now=timezone.now())
    return CaAccount.objects.get(parent=house, customer=owner)


def work_until(done, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, list(
            AcmeOrder.objects.values("status", "waiting_for", "problem", "due_at")
        )
        if not [name for name in QUEUES if sweeping.work_one(name)]:
            time.sleep(0.05)


def issue(plan, owner, **kwargs) -> Certificate:
    wanted = issuance.request(plan, by=owner, now=timezone.now(), **kwargs)
    work_until(lambda: Certificate.objects.filter(issuance=wanted).exists())
    return Certificate.objects.get(issuance=wanted)


def stand(bind, owner, account: CaAccount) -> Delegation:
    """The customer publishes what the page shows, and it is seen."""
    row = persisting.offer(
        owner,
        "shop.example",
        account_uri=account.account_url,
        issuer="ca.example",
        wildcard=True,
        now=timezone.now(),
    )
    publish(bind, persisting.value(row))
    work_until(lambda: Delegation.objects.standing().filter(pk=row.pk).exists())
    return row


@pytest.mark.parametrize("by_itself", [False, True], ids=["asked", "by itself"])
def test_a_record_set_up_once_issues_and_renews_with_nobody_there(alice, account, bind):
    stand(bind, alice, opened(alice, account))
    plan = plan_for(alice, *BOTH, account=account)
    first, second = issue(plan, alice), issue(plan, alice, kind="reissue")
    assert first.fingerprint != second.fingerprint
    shown = Control.objects.of(alice).filter(identifier="shop.example")
    assert set(shown.values_list("wildcard", "method")) == {
        (False, "dns-persist-01"),
        (True, "dns-persist-01"),
    }


def test_the_page_shows_the_record_once_the_customers_own_account_is_open(client, alice, account, bind):
    plan = plan_for(alice, *BOTH, account=account)
    client.force_login(alice)
    url = reverse("activation-once", args=[plan.pk])
    assert "Standing TXT record" not in client.get(url).content.decode()
    mine = opened(alice, account)
    assert "Standing TXT record" in client.get(url).content.decode()
    client.post(reverse("activation-once-want", args=[plan.pk, 1]), {"kind": "persist"})
    page = client.get(url).content.decode()
    assert f"ca.example; accounturi={mine.account_url}; policy=wildcard" in page
    assert "_validation-persist" in page


@pytest.mark.parametrize("by_itself", [False, True], ids=["asked", "by itself"])
@pytest.mark.parametrize("chosen", ["dns-01", "http-01"])
def test_the_next_certificate_comes_at_its_time_without_anybody(alice, account, bind, chosen):
    stand(bind, alice, opened(alice, account))
    renewed(issue(plan_for(alice, "shop.example", account=account, method=chosen), alice))


@pytest.mark.parametrize("by_itself", [True])
def test_a_ca_that_finds_the_record_by_itself_gives_nothing_to_another_customer(alice, bob, account, bind):
    stand(bind, alice, opened(alice, account))
    issue(plan_for(alice, *BOTH, account=account), alice)
    wanted = issuance.request(plan_for(bob, "shop.example", account=account), by=bob, now=timezone.now())
    theirs = AcmeOrder.objects.filter(issuance=wanted)
    work_until(lambda: theirs.filter(waiting_for="customer").exists())
    assert Authorization.objects.get(owner=bob).status == Authorization.Status.PENDING
    assert not Control.objects.of(bob).exists()


@pytest.mark.parametrize("by_itself", [True])
def test_at_an_account_that_customers_share_its_word_is_not_taken(alice, account, bind):
    CaAccount.objects.update(per_customer=False, offers_persist=True)
    account.refresh_from_db()
    first = issuance.request(
        plan_for(alice, "www.shop.example", account=account), by=alice, now=timezone.now()
    )
    work_until(lambda: Authorization.objects.filter(owner=alice).exists())
    issuance.withdraw(first, by=alice, now=timezone.now())
    account.refresh_from_db()
    publish(bind, f"ca.example; accounturi={account.account_url}; policy=wildcard")
    wanted = issuance.request(plan_for(alice, *BOTH, account=account), by=alice, now=timezone.now())
    theirs = AcmeOrder.objects.filter(issuance=wanted)
    work_until(lambda: theirs.filter(waiting_for="operator").exists())
    assert "Give each customer an account of their own" in theirs.latest("attempt").problem["detail"]
    assert not Control.objects.exists()
