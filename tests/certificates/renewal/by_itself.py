"""The next certificate of a plan as it comes about with nobody at the keyboard: every queue runs, nobody asks."""

from __future__ import annotations

import time
from datetime import timedelta

from django.utils import timezone

from accounts.models import Letter
from audit.models import Entry
from certificates.models import Certificate, Issuance, RenewalInfo
from orders.models import Plan
from portal import sweeping


def renewed(first: Certificate, seconds: float = 60.0) -> Certificate:
    """Let the moment of the next certificate come, see that it is issued, and that its owner was not needed."""
    now = timezone.now()
    Plan.objects.filter(pk=first.plan_id).update(ends_at=first.not_after + timedelta(days=700))
    RenewalInfo.objects.filter(certificate=first).update(
        reissue_at=now, ask_at=now + timedelta(days=1), due_at=now
    )
    end = time.monotonic() + seconds
    while not Certificate.objects.filter(issuance__replaces=first).exists():
        assert time.monotonic() < end, list(Issuance.objects.values("state", "acme_orders__problem"))
        work_once()
    # The row that watched over it looks once more, as it would in five minutes.
    RenewalInfo.objects.filter(certificate=first).update(due_at=timezone.now())
    while work_once():
        pass
    check_nobody_was_needed(first)
    return Certificate.objects.get(issuance__replaces=first)


def work_once() -> bool:
    """Work one due row of every queue there is."""
    worked = [name for name in sweeping.QUEUES if sweeping.work_one(name)]
    if not worked:
        time.sleep(0.05)
    return bool(worked)


def check_nobody_was_needed(first: Certificate) -> None:
    wanted = Issuance.objects.get(replaces=first)
    assert (wanted.state, wanted.requested_by_id) == ("issued", None)
    asked = Entry.objects.filter(action="issuance:requested", actor="renewals")
    assert asked.filter(plan_id=first.plan_id).count() == 1
    letters = set(Letter.objects.values_list("kind", flat=True))
    assert not letters & {"next_certificate_needs_you", "next_certificate_blocked", "delegation_broken"}
    assert not RenewalInfo.objects.filter(certificate=first, due_at__isnull=False).exists()
