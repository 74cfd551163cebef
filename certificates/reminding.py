"""What time alone brings: reminders that a certificate ends soon, certificates that expired, plans that ended."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction

from accounts.mail import write
from accounts.models import Letter
from audit.record import record
from audit.vocabulary import Action
from certificates.models import Certificate, Issuance
from certificates.standing import reissue_due_at
from certificates.upcoming import goes_on_after, ordered_at
from orders.models import Plan

# After the first letter, when a third of the lifetime is left, again with so many days left.
DAYS_LEFT = (14, 7, 3, 1)
DUE = "due"
# Who was told a moment ago that the next certificate waits for them is not reminded at once.
QUIET = timedelta(days=3)
BATCH = 500


def remind(now: datetime) -> int:
    """Write the letters that are due, each once; return how many.

    The stage is found by range, not by day, so that a sweep that missed a day writes the letter on the next one; and
    only the latest stage is written, so that nobody gets four letters at once.
    """
    ending = Certificate.objects.current(now).with_a_third_left(now).filter(plan__state=Plan.State.ACTIVE)
    columns = ending.order_by("pk").values_list("pk", "not_before", "not_after").iterator(chunk_size=BATCH)
    written = 0
    # Nearly all of them were written about long ago: only of the others more is read than when they end.
    while batch := list(islice(columns, BATCH)):
        told_of = [Certificate(pk=pk, not_before=since, not_after=until) for pk, since, until in batch]
        written += sum(
            _write(certificate, stage, now)
            for certificate, stage in _untold(told_of, now)
            if not _is_being_replaced(certificate) and not _is_cared_for(certificate, stage, now)
        )
    return written


def _untold(ending: list[Certificate], now: datetime) -> Iterator[tuple[Certificate, str]]:
    """Yield those, read whole, whose owner has had no letter about the stage that they are at."""
    stages = {row.pk: stage for row in ending if (stage := stage_of(row, now)) is not None}
    occasions = {occasion_of(pk, stage): pk for pk, stage in stages.items()}
    told = Letter.objects.filter(occasion__in=occasions).values_list("occasion", flat=True)
    for occasion in told:
        occasions.pop(occasion, None)
    whole = Certificate.objects.filter(pk__in=occasions.values()).select_related(
        "plan__owner", "plan__product", "plan__activation", "renewal_info"
    )
    for certificate in whole.order_by("pk"):
        yield certificate, stages[certificate.pk]


def stage_of(certificate: Certificate, now: datetime) -> str | None:
    """Return "due", or the days left ("14", "7", "3", "1"); None while there is time."""
    if reissue_due_at(certificate) > now:
        return None
    left = certificate.not_after - now
    passed = [days for days in DAYS_LEFT if left <= timedelta(days=days)]
    return str(min(passed)) if passed else DUE


def _is_being_replaced(certificate: Certificate) -> bool:
    later = certificate.plan.issuances.filter(created_at__gt=certificate.issued_at)
    return later.filter(state="issued").exists()


def _is_cared_for(certificate: Certificate, stage: str, now: datetime) -> bool:
    """True while the next certificate comes by itself, or its owner has just been told what it waits for."""
    wanted = _wanted(certificate)
    if wanted is None:
        return stage == DUE and ordered_at(certificate.plan, certificate, now) is not None
    told = Letter.objects.filter(occasion=f"next:{wanted.pk}", created_at__gt=now - QUIET)
    return stage == DUE or told.exists()


def _wanted(certificate: Certificate) -> Issuance | None:
    return certificate.plan.issuances.filter(state=Issuance.State.WANTED).first()


def occasion_of(certificate_pk: uuid.UUID, stage: str) -> str:
    """Return what makes a reminder one: each certificate and stage is written about once, by whomever."""
    return f"ending:{certificate_pk}:{stage}"


def _write(certificate: Certificate, stage: str, now: datetime) -> int:
    plan = certificate.plan
    context = {
        "certificate": certificate,
        "plan": plan,
        "names": certificate.names,
        "days": max(1, round((certificate.not_after - now) / timedelta(days=1))),
        "plan_goes_on": goes_on_after(plan, certificate),
        "requested": _wanted(certificate) is not None,
    }
    letter = write(
        "certificate_ending",
        to=plan.owner.email,
        occasion=occasion_of(certificate.pk, stage),
        now=now,
        context=context,
        plan_id=plan.pk,
    )
    return int(letter.created_at == now)


def expire(now: datetime) -> int:
    """Mark certificates whose time is over; return how many."""
    return Certificate.objects.filter(state=Certificate.State.VALID, not_after__lte=now).update(
        state=Certificate.State.EXPIRED
    )


def end_plans(now: datetime) -> int:
    """End plans whose paid term is over; return how many. Their last certificates stay valid until they expire."""
    ended = 0
    over = Plan.objects.filter(state__in=[Plan.State.OPEN, Plan.State.ACTIVE], ends_at__lte=now)
    for plan in over.order_by("pk")[:BATCH]:
        with transaction.atomic():
            if plan.end():
                record(Action.PLAN_ENDED, plan, now=now, by="calendar", plan_id=plan.pk)
                ended += 1
    return ended
