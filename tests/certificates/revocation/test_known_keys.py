"""A key that became known is never certified again, however far a request for it has come."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone

from certificates import issuance, keys
from certificates.compromised import COMPROMISED, asks_for_compromised_key
from certificates.models import Activation, Certificate, Issuance, Revocation
from certificates.rekeying import rekey
from certificates.revocation import NotPossible, request
from identifiers.names import Name
from tests.certificates.issuance.desk import Desk
from tests.factories import plan_for

pytestmark = pytest.mark.django_db

Reason = Revocation.Reason


def with_csr(desk: Desk, owner, key, *names: str):
    names = names or ("shop.example",)
    plan = plan_for(owner, *names, account=desk.account)
    csr = x509.load_der_x509_csr(keys.make_csr(key, [Name.of(name) for name in names]))
    Activation.objects.filter(plan=plan).update(
        csr_source="pasted", csr_pem=csr.public_bytes(Encoding.PEM).decode()
    )
    return plan


def wish(plan, **more) -> Issuance:
    return issuance.request(plan, by=plan.owner, now=timezone.now(), **more)


@pytest.fixture
def key():
    return keys.generate("ec-p256")


@pytest.fixture
def certificate(desk: Desk, alice, key) -> Certificate:
    """Alice's own key, certified."""
    wanted = wish(with_csr(desk, alice, key))
    desk.run_until_issued(wanted)
    return Certificate.objects.get(issuance=wanted)


def report(certificate: Certificate) -> Revocation:
    return request(certificate, Reason.KEY_COMPROMISE, by=certificate.owner, now=timezone.now())


def test_it_is_known_from_the_word_on_and_for_good(desk, ca, certificate):
    assert certificate.spki_sha256 not in COMPROMISED
    row = report(certificate)
    assert certificate.spki_sha256 in COMPROMISED
    Revocation.objects.filter(pk=row.pk).update(refused_at=timezone.now(), due_at=None)
    assert certificate.spki_sha256 in COMPROMISED, "a refusal does not make it secret again"


def test_other_reasons_leave_the_key_alone(desk, certificate):
    request(certificate, Reason.SUPERSEDED, by=certificate.owner, now=timezone.now())
    assert certificate.spki_sha256 not in COMPROMISED


def test_no_request_is_taken_for_it(desk, certificate, bob, key):
    report(certificate)
    for plan in (certificate.plan, with_csr(desk, bob, key, "other.example")):
        with pytest.raises(issuance.NotReady, match="known to others"):
            wish(plan, kind="reissue")


def test_a_reissue_under_way_is_withdrawn_with_it(desk, ca, certificate):
    again = wish(certificate.plan, kind="reissue")
    desk.step()
    report(certificate)
    again.refresh_from_db()
    assert again.state == "withdrawn"
    desk.run(timedelta(minutes=5))
    assert Certificate.objects.count() == 1


def test_a_rekey_under_way_goes_on(desk, certificate):
    again = rekey(certificate.plan, None, by=certificate.owner, now=timezone.now())
    desk.step()
    report(certificate)
    desk.run_until_issued(again)


def test_while_the_ca_is_signing_for_it_one_is_asked_to_wait_so_that_both_go(desk, ca, certificate):
    ca.processing_polls = 1000
    again = wish(certificate.plan, kind="reissue")
    desk.run(timedelta(minutes=1), until=lambda: again.acme_orders.filter(status="processing").exists())
    with pytest.raises(NotPossible, match="this moment"):
        report(certificate)
    assert not Revocation.objects.exists()
    ca.processing_polls = 0
    desk.run_until_issued(again)
    report(certificate)
    assert Revocation.objects.count() == 2


def test_somebody_elses_request_for_it_is_stopped_before_the_csr_is_sent(desk, ca, certificate, bob, key):
    """Bob has the key too. His order is at the CA already when alice says that the key is known."""
    desk.shows = False
    theirs = wish(with_csr(desk, bob, key, "other.example"))
    desk.run(timedelta(seconds=5))
    report(certificate)
    theirs.refresh_from_db()
    assert theirs.state == "wanted", "one customer's word does not touch another's rows"
    desk.shows = True
    desk.run(timedelta(minutes=30))
    theirs.refresh_from_db()
    assert theirs.state == "withdrawn"
    assert not Certificate.objects.filter(plan=theirs.plan).exists()
    assert ca.asked_for["finalize"] == 1, "only alice's own, before"


def test_a_key_of_ours_is_fresh_each_time_and_not_looked_up(desk, alice, django_assert_num_queries):
    wanted = issuance.request(plan_for(alice, account=desk.account), by=alice, now=timezone.now())
    desk.run_until_issued(wanted)
    wanted.refresh_from_db()
    with django_assert_num_queries(0):
        assert not asks_for_compromised_key(wanted)
