"""Validate once: an alias to a label of ours answers every later dns-01, a redirect to us every later http-01.

The lookout serves what the CA will want and looks whether the arrangement still stands; it never talks to the CA.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.mail import write
from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from identifiers.names import Name
from leases import ring
from leases.prepared import Prepared
from validation import persisting, redirects
from validation.key_authorization import LABEL, value_of
from validation.models import Authorization, Challenge, Delegation, Publication
from validation.models.authorization import Method
from validation.problems import Finding
from validation.record_places import place_of
from validation.redirects import SELF_TEST, redirect_to, rules
from validation.resolver import Resolver
from validation.zone_writer import ZoneTrouble, ZoneWriter

log = logging.getLogger(__name__)

WEEKLY = timedelta(days=7)
# Until it is seen for the first time: (up to this age, look this often); then nobody is setting it up any more.
FIRST_LOOKS = (
    (timedelta(minutes=10), timedelta(seconds=10)),
    (timedelta(hours=2), timedelta(minutes=2)),
    (timedelta(days=1), timedelta(minutes=30)),
    (timedelta(days=30), timedelta(days=1)),
)
# Once it was there and is gone: soon again, because a look may fail for other reasons, then daily.
GONE_AGAIN = timedelta(hours=1)
WARN_AFTER = timedelta(hours=6)
DAILY = timedelta(days=1)
# A value that the CA may still want is looked after this often.
TENDED = timedelta(minutes=10)
RETRIES = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
# Which challenge each kind of arrangement answers, at any CA; a standing record answers one account at one CA.
PROVES = {Delegation.Kind.CNAME.value: "dns-01", Delegation.Kind.REDIRECT.value: "http-01"}


class NotDelegable(Exception):
    """There is no such arrangement for this name here."""


def kinds_for(identifier: str) -> list[str]:
    """Return the kinds that can be offered for this name."""
    if Name(identifier).is_ip:
        return []
    kinds = [Delegation.Kind.CNAME.value] if settings.DELEGATION_ZONE else []
    return [*kinds, Delegation.Kind.REDIRECT.value] if redirects.arrive() else kinds


def offer(owner: User, identifier: str, kind: str, now: datetime) -> Delegation:
    """Return this customer's arrangement for the name, made now if there was none. Raises NotDelegable."""
    if kind not in kinds_for(identifier):
        raise NotDelegable(f"{kind} for {identifier}")
    with transaction.atomic():
        row, created = Delegation.objects.get_or_create(
            owner=owner,
            identifier=identifier,
            kind=kind,
            defaults={
                "zone": settings.DELEGATION_ZONE if kind == Delegation.Kind.CNAME else "",
                "created_at": now,
                "due_at": now,
            },
        )
        if created:
            record(Action.DELEGATION_OFFERED, row, now=now, by=owner, name=identifier, kind=kind)
    ring()
    return row


def line(row: Delegation) -> str:
    """Return the zone file line, or the address to redirect to."""
    if row.kind == Delegation.Kind.CNAME:
        return f"{LABEL}.{row.identifier}. 3600 IN CNAME {row.target}."
    if row.kind == Delegation.Kind.PERSIST:
        return persisting.line(row)
    return redirect_to(row)


def ways_of(kinds: Iterable[str], *, wildcard: bool) -> list[str]:
    """Return the challenges that standing arrangements of these kinds answer at any CA, the surest first."""
    there = set(kinds)
    ways = [challenge for kind, challenge in PROVES.items() if kind in there]
    return [way for way in ways if way != "http-01" or not wildcard]


def proven(owner: User, names: Iterable[Name]) -> set[Name]:
    """Return those of the names that what this customer has set up proves at any CA, without them. One query."""
    wanted = set(names)
    rows = Delegation.objects.of(owner).standing().filter(identifier__in={name.ascii for name in wanted})
    known: dict[str, list[str]] = {}
    for identifier, kind in rows.values_list("identifier", "kind"):
        known.setdefault(identifier, []).append(kind)
    return {name for name in wanted if ways_of(known.get(name.ascii, ()), wildcard=name.wildcard)}


def answers(owner: User, names: Iterable[Name]) -> bool:
    """True if all the names are proven without their customer, and there is one."""
    wanted = set(names)
    return bool(wanted) and proven(owner, wanted) == wanted


def standing_ways(owner: User, identifiers: Iterable[str]) -> set[tuple[str, str]]:
    """Return (name, challenge) for what stands, a standing record too. One query."""
    ways = PROVES | {Delegation.Kind.PERSIST.value: str(Method.PERSIST)}
    rows = Delegation.objects.of(owner).standing().filter(identifier__in=set(identifiers))
    return {(identifier, ways[kind]) for identifier, kind in rows.values_list("identifier", "kind")}


# --- serving what the CA will want -------------------------------------------------------------------------

_OWNER: Any = Delegation._meta.get_field("owner")
_IDENTIFIER: Any = Delegation._meta.get_field("identifier")
# Asked at every look at a name.
_alias = Prepared(
    lambda owner, identifier: (
        Delegation.objects.of(owner).over(identifier).filter(kind=Delegation.Kind.CNAME).order_by()[:1]
    ),
    _OWNER,
    _IDENTIFIER,
)


def serve(
    authorization: Authorization,
    challenge: Challenge,
    now: datetime,
    make_writer: Callable[[], ZoneWriter | None] = ZoneWriter.configured,
) -> None:
    """Have the value of this challenge stand in our zone where its customer has an alias for the name. Never raises.

    Whether the alias is there yet does not matter: a value at an unguessable label tells nobody anything.
    """
    if challenge.type != "dns-01" or not challenge.key_authorization:
        return
    row = _alias.first(authorization.owner_id, authorization.identifier)
    if row is None:
        return
    publication, _created = Publication.objects.get_or_create(
        delegation=row,
        value=value_of(challenge.key_authorization),
        defaults={"authorization": authorization, "wanted_at": now, "due_at": now + TENDED},
    )
    if publication.published_at is None or publication.removed_at is not None:
        publish(publication, now, make_writer)


def publish(
    publication: Publication,
    now: datetime,
    make_writer: Callable[[], ZoneWriter | None] = ZoneWriter.configured,
) -> bool:
    """Write the value into the zone; False, and a problem in the row, when it could not be done."""
    mine = Publication.objects.filter(pk=publication.pk)
    try:
        _writer(publication.delegation, make_writer).add(publication.delegation.label, publication.value)
    except ZoneTrouble as trouble:
        log.warning("a value could not be published: %s", trouble)
        mine.update(problem=str(trouble)[:300], tries=publication.tries + 1, due_at=now + _retry(publication))
        return False
    mine.update(published_at=now, removed_at=None, problem="", tries=0, due_at=now + TENDED)
    return True


def tend(
    publication: Publication,
    now: datetime,
    make_writer: Callable[[], ZoneWriter | None] = ZoneWriter.configured,
) -> None:
    """Look after a claimed value: publish what is still missing, take away what has ended. Raises LeaseLost."""
    if not publication.is_over(now):
        if publication.published_at is None:
            publish(publication, now, make_writer)
            publication.refresh_from_db()
        publication.let_go(max(publication.due_at or now, now + RETRIES[0]))
        return
    try:
        _writer(publication.delegation, make_writer).remove(publication.delegation.label, publication.value)
    except ZoneTrouble as trouble:
        publication.let_go(now + _retry(publication), tries=publication.tries + 1, problem=str(trouble)[:300])
        return
    publication.let_go(None, removed_at=now, problem="")


def _retry(publication: Publication) -> timedelta:
    return RETRIES[min(publication.tries, len(RETRIES) - 1)]


def _writer(row: Delegation, make_writer: Callable[[], ZoneWriter | None]) -> ZoneWriter:
    writer = make_writer()
    if writer is None or writer.zone != row.zone:
        raise ZoneTrouble(f"the zone {row.zone} is not ours to write (DELEGATION_ZONE)")
    return writer


def answer_for(label: str, token: str, now: datetime) -> str | None:
    """Return the key authorization behind a redirect: only this label's customer's, for this label's name.

    None when there is nothing to say. RFC 8555 §8.3.
    """
    row = Delegation.objects.filter(label=label, kind=Delegation.Kind.REDIRECT).first()
    if row is None:
        return None
    if token == SELF_TEST:
        return f"{SELF_TEST}.{row.label}"
    challenge = Challenge.objects.filter(
        type="http-01",
        token=token,
        authorization__owner=row.owner_id,
        authorization__identifier=row.identifier,
        authorization__wildcard=False,
        authorization__status=Authorization.Status.PENDING,
    ).first()
    return challenge.key_authorization if challenge is not None else None


# --- looking whether it stands -------------------------------------------------------------------------------


def look(row: Delegation, now: datetime) -> Finding:
    """Look at a claimed arrangement, write what was found and when to look next. Raises LeaseLost."""
    finding = _find(row)
    stands = finding.in_place
    unknown = finding.slug == "delegation_unknown"
    newly = stands and row.finding.get("slug") != finding.slug
    broken_at = None if stands else row.broken_at or (now if row.seen_at and not unknown else None)
    with transaction.atomic():
        row.let_go(
            next_look(row, finding, now),
            finding=finding.as_json(),
            seen_at=now if stands else row.seen_at,
            broken_at=broken_at,
            warned_at=None if stands else row.warned_at,
        )
        _remember(row, finding, now, first=newly)
        if newly:
            _take_up(row, now)
        if broken_at is not None and now - broken_at >= WARN_AFTER and row.warned_at is None:
            _warn(row, now)
    return finding


def next_look(row: Delegation, finding: Finding, now: datetime) -> datetime | None:
    """When to look next; None when nobody seems to be setting it up any more (a click looks again)."""
    if finding.in_place:
        return now + WEEKLY
    if row.seen_at is not None:
        fresh = row.broken_at is None or now - row.broken_at < WARN_AFTER
        return now + (GONE_AGAIN if fresh else DAILY)
    age = now - max(row.created_at, row.asked_at or row.created_at)
    pause = next((pause for until, pause in FIRST_LOOKS if age < until), None)
    return now + pause if pause is not None else None


def ask(row: Delegation, now: datetime) -> None:
    """Have it looked at once, and quickly again for a while."""
    Delegation.objects.filter(pk=row.pk).update(asked_at=now, due_at=now)
    ring()


def look_before(owner: User, identifiers: Any, since: datetime, now: datetime) -> None:
    """Have what stands for these names (a list, or a query for them) looked at now, unless it was seen after `since`."""
    stale = Delegation.objects.of(owner).standing().filter(identifier__in=identifiers, seen_at__lt=since)
    if stale.filter(due_at__gt=now).update(due_at=now):
        ring()


def _remember(row: Delegation, finding: Finding, now: datetime, *, first: bool) -> None:
    if first:
        record(Action.DELEGATION_SEEN, row, now=now, by="probing", name=row.identifier, kind=row.kind)
    elif row.broken_at == now:
        record(
            Action.DELEGATION_BROKEN, row, now=now, by="probing", name=row.identifier, kind=row.kind,
            finding=finding.slug,
        )  # fmt: skip


def _take_up(row: Delegation, now: datetime) -> None:
    """Names that wait for something to be published by hand are shown by what stands now, unless the CA is looking already."""
    way = PROVES.get(row.kind)
    waiting = Authorization.objects.of(row.owner).waiting().filter(identifier=row.identifier)
    rows = waiting.exclude(method__in=[way, Method.PERSIST]).filter(
        insisted_at__isnull=True, challenges__type=way
    )
    # The rows are held while that is looked up: issuance answers under the same lock.
    for authorization in rows.select_for_update(of=("self",)) if way else ():
        if not authorization.challenges.filter(answered_at__isnull=False).exists():
            authorization.choose(str(way), now)


def _warn(row: Delegation, now: datetime) -> None:
    Delegation.objects.filter(pk=row.pk).update(warned_at=now)
    write(
        "delegation_broken",
        to=row.owner.email,
        occasion=f"delegation:{row.pk}:{row.broken_at:%Y%m%d%H%M}"
        if row.broken_at
        else f"delegation:{row.pk}",
        now=now,
        context={
            "delegation": row,
            "line": line(row),
            "rules": rules(row) if row.kind == Delegation.Kind.REDIRECT else [],
            "finding": row.last_finding,
        },
    )


def _find(row: Delegation) -> Finding:
    try:
        if row.kind == Delegation.Kind.PERSIST:
            return persisting.find(row, timezone.now())
        return redirects.find(row) if row.kind == Delegation.Kind.REDIRECT else _find_alias(row)
    except Exception:
        log.exception("the look at delegation %s failed", row.pk)
        return Finding("delegation_unknown", in_place=False, facts={"name": row.identifier})


def _find_alias(row: Delegation) -> Finding:
    resolver = Resolver.configured()
    name = f"{LABEL}.{row.identifier}"
    answer = resolver.txt(name)
    facts = place_of(name, row.identifier, resolver)
    zone = facts["zone"]

    def said(slug: str, **more: Any) -> Finding:
        return Finding(
            slug, in_place=slug == "delegation_in_place", expected=f"{row.target}.",
            seen=", ".join(answer.chain or answer.values)[:200], facts=facts | more, repair=line(row),
        )  # fmt: skip

    if row.target in answer.chain:
        # Some servers of the zone do not know the alias yet: the CA may ask any of them.
        return said("delegation_unknown" if answer.lacking else "delegation_in_place")
    if answer.chain:
        doubled = any(link.startswith(f"{row.target}.") for link in answer.chain)
        return said(
            "delegation_doubled_target" if doubled else "delegation_elsewhere", target=answer.chain[-1]
        )
    if not answer.answered:
        return said("delegation_unknown")
    if row.target in resolver.txt(f"{name}.{zone}").chain:
        return said("delegation_doubled_host", found_at=f"{name}.{zone}")
    return said("delegation_txt_in_the_way" if answer.values else "delegation_missing")
