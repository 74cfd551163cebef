"""The validation loop: looks at the customer's DNS or server, says what is there, and when to look next."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from audit.record import record
from audit.vocabulary import Action
from leases.inserts import insert
from leases.prepared import Prepared
from validation import delegation, doctor
from validation.methods import METHODS
from validation.models import Authorization, Challenge, Probe
from validation.problems import Finding

log = logging.getLogger(__name__)

# Up to this long after the customer's last step here, look this often.
BACKOFF: tuple[tuple[timedelta, timedelta], ...] = (
    (timedelta(minutes=1), timedelta(seconds=2)),
    (timedelta(minutes=5), timedelta(seconds=5)),
    (timedelta(hours=1), timedelta(seconds=30)),
    (timedelta(hours=6), timedelta(minutes=5)),
)
SELDOM = timedelta(hours=1)
SPREAD_MINUTES = 6
GAP = timedelta(seconds=3)
EVERY = 10  # an unchanged finding is kept as a row only so often: a week of looking must not fill the table

_AUTHORIZATION: Any = Challenge._meta.get_field("authorization")
_TYPE: Any = Challenge._meta.get_field("type")
# What Authorization.challenge() says, of the database.
_challenge = Prepared(
    lambda authorization, method: Challenge.objects.filter(authorization=authorization, type=method).order_by(
        "pk"
    )[:1],
    _AUTHORIZATION,
    _TYPE,
)


class AskedTooSoon(Exception):
    """Somebody asked moments ago; `wait` is how long until it may be asked again."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(wait)
        self.wait = wait


class NothingToLookFor(Exception):
    """This name is shown already, or its story is over."""


def delay(age: timedelta) -> timedelta:
    """How long to wait until the next look, by the time since the customer last did something here."""
    return next((pause for until, pause in BACKOFF if age < until), SELDOM)


def look(
    authorization: Authorization,
    now: datetime,
    when_shown: Callable[[], object] = lambda: None,
    forbidden: doctor.Forbidden = lambda authorization: None,
) -> Finding:
    """Look once at a claimed row and write what was found. Raises LeaseLost when another worker took over.

    The look itself happens outside any transaction. In place: `shown_at` is set, no further look is planned, and
    `when_shown` is called in the same transaction, so that whoever waits for it is told by a dying worker too.
    `forbidden` is asked for the finding of CAA records that would keep the CA out.
    """
    started = time.monotonic()
    finding = _find(authorization, now, forbidden)
    took = timedelta(seconds=time.monotonic() - started)
    with transaction.atomic():
        _write(authorization, finding, now, took)
        if finding.in_place:
            when_shown()
    return finding


def check_now(authorization: Authorization, now: datetime) -> None:
    """Have a waiting name looked at once, and quickly again for a while. Raises AskedTooSoon, NothingToLookFor."""
    if Authorization.objects.ask(authorization.pk, now, GAP):
        return
    row = Authorization.objects.waiting().filter(pk=authorization.pk).first()
    if row is None:
        raise NothingToLookFor(str(authorization.pk))
    raise AskedTooSoon(max((row.asked_at or now) + GAP - now, timedelta(seconds=1)))


def _find(authorization: Authorization, now: datetime, forbidden: doctor.Forbidden) -> Finding:
    if authorization.expires_at is not None and authorization.expires_at <= now:
        return Finding("expired", in_place=False, facts={"name": authorization.text})
    challenge = _challenge.first(authorization.pk, authorization.method)
    method = METHODS[authorization.method]
    if not method.available or challenge is None:
        slug = "not_offered" if method.available else "email_proves_nothing"
        return Finding(slug, in_place=False, facts={"name": authorization.text})
    try:
        delegation.serve(authorization, challenge, now)
        finding = doctor.examine(authorization, challenge, now, forbidden=forbidden)
        return _ours_in_time(authorization, finding)
    except Exception:
        # Whatever a stranger's server made us trip over, the row goes on waiting and the page says so.
        log.exception("the look at %s failed", authorization.pk)
        return Finding("look_failed", in_place=False, facts={"name": authorization.text})


def _ours_in_time(authorization: Authorization, finding: Finding) -> Finding:
    """The alias is there and leads to us, but our own zone does not hold the value: nothing for the customer to do."""
    if finding.in_place or finding.slug not in ("dns_cname_empty", "dns_wrong_value"):
        return finding
    waiting = authorization.publications.standing().exclude(problem="").select_related("delegation")
    target = str(finding.facts.get("target", ""))
    if not any(row.delegation.target == target for row in waiting):
        return finding
    return replace(finding, slug="delegation_zone_down")


def _write(authorization: Authorization, finding: Finding, now: datetime, took: timedelta) -> None:
    before = authorization.finding
    after = finding.as_json()
    looks = authorization.looks + 1
    authorization.let_go(
        _next_look(authorization, finding, now, took),
        finding=after,
        looks=looks,
        shown_at=now if finding.in_place else None,
    )
    if _differs(before, after) or looks % EVERY == 0:
        _keep(authorization, finding, now, took)
    if before.get("slug") != finding.slug:
        record(
            Action.PROBE_CHANGED, authorization, now=now, by="probing", plan_id=authorization.plan_id,
            name=authorization.text, finding=finding.slug, was=before.get("slug", ""),
        )  # fmt: skip


def _next_look(
    authorization: Authorization, finding: Finding, now: datetime, took: timedelta
) -> datetime | None:
    """When to look next; None when there is nothing more to find out."""
    if finding.in_place or finding.slug == "expired" or authorization.status != Authorization.Status.PENDING:
        return None
    after = now + took
    asked_at = Authorization.objects.filter(pk=authorization.pk).values_list("asked_at", flat=True).first()
    if asked_at is not None and asked_at > now:
        return (
            after  # the button was pressed while we were looking: what we saw may be older than what is there
        )
    pause = delay(now - authorization.quick_since)
    due = after + pause if pause < SELDOM else on_the_minute(after + pause, authorization.pk)
    return min(due, max(authorization.expires_at, after)) if authorization.expires_at else due


def on_the_minute(due: datetime, key: UUID) -> datetime:
    """Return a whole minute up to six minutes sooner: so one waking serves many, and those that began together part."""
    return due.replace(second=0, microsecond=0) - timedelta(minutes=key.int % SPREAD_MINUTES)


def _differs(before: dict[str, object], after: dict[str, object]) -> bool:
    return any(before.get(key) != after[key] for key in ("slug", "expected", "seen"))


def _keep(authorization: Authorization, finding: Finding, now: datetime, took: timedelta) -> None:
    insert(
        Probe,
        authorization=authorization,
        at=now,
        method=authorization.method,
        slug=finding.slug,
        in_place=finding.in_place,
        expected=finding.expected[:500],
        seen=finding.seen[:500],
        facts=dict(finding.facts),
        milliseconds=int(took.total_seconds() * 1000),
    )
