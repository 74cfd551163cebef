"""A request for a revocation that is made graver while it runs, and one for a CA that is down."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import Entry
from certificates.models import CaAccount, Revocation
from certificates.revocation import revoke
from leases import LeaseLost
from tests.certificates.revocation.test_revoking import ask, certificate, fresh, serial, work

__all__ = ["certificate"]

pytestmark = pytest.mark.django_db

Reason = Revocation.Reason


def test_a_key_that_became_known_is_what_the_ca_is_told_although_less_was_asked_first(ca, certificate):
    ask(certificate, Reason.SUPERSEDED)
    ask(certificate, Reason.KEY_COMPROMISE)
    assert work()
    assert ca.revoked == {serial(certificate): (int(Reason.KEY_COMPROMISE), "account")}
    assert Revocation.objects.compromised(certificate.spki_sha256)
    reasons = Entry.objects.filter(action="certificate:revocation_asked").order_by("pk")
    assert [entry.details["reason"] for entry in reasons] == ["superseded", "key_compromise"]


def test_nothing_makes_a_known_key_less_known(ca, certificate):
    ask(certificate, Reason.KEY_COMPROMISE)
    ask(certificate, Reason.SUPERSEDED)
    assert work()
    assert ca.revoked == {serial(certificate): (int(Reason.KEY_COMPROMISE), "account")}


def test_a_worker_that_holds_the_lesser_request_loses_it(certificate):
    ask(certificate, Reason.SUPERSEDED)
    held = Revocation.objects.claim_next(timezone.now())
    ask(certificate, Reason.KEY_COMPROMISE)
    with pytest.raises(LeaseLost):
        revoke(held)
    assert fresh(held).reason == Reason.KEY_COMPROMISE
    assert fresh(held).due_at <= timezone.now()


def test_a_ca_that_rests_is_not_asked(ca, certificate):
    until = timezone.now() + timedelta(minutes=5)
    CaAccount.objects.update(failures=5, resting_until=until)
    row = ask(certificate)
    assert work()
    assert ca.revocations == []
    row = fresh(row)
    assert (row.due_at, row.lease_until, row.tries, row.problem) == (until, None, 0, None)
