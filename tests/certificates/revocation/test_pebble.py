"""The queue of revocations against a real CA, with the CA's own books as witness."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone

from certificates import issuance
from certificates.connection import connect
from certificates.models import CaAccount, Certificate, Revocation
from certificates.revocation import request
from portal import sweeping
from tests.certificates.issuance.conftest import issue
from tests.contracts.ca import CaServer, running_pebble
from tests.factories import CaAccountFactory, plan_for

pytestmark = [pytest.mark.town, pytest.mark.django_db]


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaServer]:
    with running_pebble(tmp_path_factory.mktemp("pebble")) as server:
        yield server


@pytest.fixture
def account(db, pebble: CaServer) -> CaAccount:
    return CaAccountFactory(
        directory_url=pebble.directory_url, roots_pem=pebble.roots_pem, terms_agreed_at=timezone.now()
    )


def issued(account: CaAccount, owner, key_type: str) -> Certificate:
    plan = plan_for(owner, account=account)
    plan.activation.key_type = key_type
    plan.activation.save()
    wanted = issuance.request(plan, by=owner, now=timezone.now())
    issue(wanted)
    return Certificate.objects.get(issuance=wanted)


def revoked(certificate: Certificate, reason: int = 1) -> Revocation:
    row = request(certificate, Revocation.Reason(reason), by=certificate.owner, now=timezone.now())
    assert sweeping.work_one("revocations")
    row.refresh_from_db()
    certificate.refresh_from_db()
    return row


@pytest.mark.parametrize("key_type", ["rsa-2048", "ec-p256", "ec-p384"])
@pytest.mark.parametrize("by_key", [False, True], ids=["by account", "by key"])
def test_the_ca_itself_says_that_it_is_revoked(pebble, account, alice, key_type, by_key):
    certificate = issued(account, alice, key_type)
    serial = int(certificate.serial, 16)
    assert pebble.status_of(serial) == "Valid"
    if by_key:
        connector = connect(account)
        # Another account key: the CA knows no account for it, as when everything of ours was lost.
        CaAccount.objects.update(account_url="", sealed_key=None)
        assert connector.account().status == "valid"
    row = revoked(certificate)
    assert row.by_certificate_key is by_key
    assert pebble.status_of(serial) == "Revoked"
    assert certificate.state == "revoked"


def test_what_was_revoked_behind_our_back_is_done(pebble, account, alice):
    certificate = issued(account, alice, "ec-p256")
    revoked(certificate, 4)
    Certificate.objects.update(state="valid", revoked_at=None)
    Revocation.objects.all().delete()
    assert revoked(Certificate.objects.get(), 4).done_at is not None


def test_a_reason_that_the_ca_does_not_know_is_refused(pebble, account, alice):
    certificate = issued(account, alice, "ec-p256")
    row = Revocation.objects.create(
        certificate=certificate, reason=7, asked_by=alice, asked_at=timezone.now(), due_at=timezone.now()
    )
    assert sweeping.work_one("revocations")
    row.refresh_from_db()
    assert row.refused
    assert row.problem["type"].endswith("badRevocationReason")
    assert pebble.status_of(int(certificate.serial, 16)) == "Valid"
