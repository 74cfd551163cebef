"""Two of everything at once: two clicks, two workers, four certificates under one key; each is revoked once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.utils import timezone

from accounts.models import Letter
from audit.models import Entry
from certificates.connection import connect, register
from certificates.models import CaAccount, Certificate, Revocation
from certificates.revocation import request
from portal import sweeping
from tests.certificates.revocation.revoking_ca import RevokingCa
from tests.factories import CaAccountFactory, UserFactory, certificate_for, plan_for
from tests.orders.conftest import file_database

__all__ = ["file_database"]

pytestmark = pytest.mark.usefixtures("file_database")


@pytest.fixture
def account(file_database, ca: RevokingCa) -> CaAccount:
    account = CaAccountFactory(directory_url=ca.url("/directory"), roots_pem=ca.roots_pem)
    register(account, connect(account), timezone.now())
    return account


@pytest.fixture
def certificates(account: CaAccount) -> list[Certificate]:
    """Four certificates of one owner under one key, in four plans."""
    alice = UserFactory()
    now = timezone.now()
    made = [
        certificate_for(plan_for(alice, f"{n}.shop.example", account=account), key="pasted", issued_at=now)
        for n in "abcd"
    ]
    Certificate.objects.update(account=account)
    return made


def at_once(*calls) -> list:
    def one(call):
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def test_two_clicks_are_one_request(certificates):
    def click() -> Revocation:
        first = certificates[0]
        return request(first, Revocation.Reason.SUPERSEDED, by=first.owner, now=timezone.now())

    rows = at_once(*[click] * 4)
    assert len({row.pk for row in rows}) == 1
    assert Entry.objects.filter(action="certificate:revocation_asked").count() == 1


def test_two_owners_of_the_same_mind_revoke_every_certificate_under_the_key_once(certificates):
    def click(certificate):
        return lambda: request(
            certificate, Revocation.Reason.KEY_COMPROMISE, by=certificate.owner, now=timezone.now()
        )

    at_once(*[click(certificate) for certificate in certificates])
    assert Revocation.objects.count() == 4
    assert Entry.objects.filter(action="certificate:revocation_asked").count() == 4


def test_four_workers_revoke_each_once(ca, certificates):
    for certificate in certificates:
        request(certificate, Revocation.Reason.SUPERSEDED, by=certificate.owner, now=timezone.now())

    def worker() -> int:
        return sum(sweeping.work_one("revocations") for _turn in range(6))

    assert sum(at_once(*[worker] * 4)) == 4
    assert len(ca.revocations) == 4
    assert len(ca.revoked) == 4
    assert set(Certificate.objects.values_list("state", flat=True)) == {"revoked"}
    assert Letter.objects.filter(kind="certificate_revoked").count() == 4
    assert Entry.objects.filter(action="certificate:revoked").count() == 4
