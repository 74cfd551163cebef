"""The hash chain over memory: seals new entries and finds any that were changed, removed, added or moved."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Max

from audit.models import Entry, Link

GENESIS = "0" * 64
# An entry gets its id before its transaction commits: wait until slower neighbours with lower ids are visible too.
SETTLING = timedelta(seconds=30)
# One that takes longer even than that is found for so long.
LATEST = timedelta(days=1)


class ChainBroken(Exception):
    """Memory was tampered with; the message says at which entry."""


def canonical(entry: Entry) -> bytes:
    """Return the bytes that are hashed: every column, in one order, in one spelling."""
    facts = [
        entry.pk,
        entry.at.isoformat(),
        entry.action,
        str(entry.actor_id),
        entry.actor,
        str(entry.address),
        entry.object_kind,
        entry.object_id,
        str(entry.order_id),
        str(entry.plan_id),
        entry.details,
    ]
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def next_hash(previous: str, entry: Entry) -> str:
    return hashlib.sha256(previous.encode() + canonical(entry)).hexdigest()


def seal(now: datetime, limit: int = 500) -> int:
    """Append links for settled entries; return how many. A second sealer at the same time gives way."""
    last = Link.objects.order_by("-position").first()
    position, previous = (last.position, last.hash) if last else (0, GENESIS)
    links = []
    for entry in _unsealed(now, limit):
        position += 1
        previous = next_hash(previous, entry)
        # By its key: an entry and a link that hold each other would lie about by the thousand until garbage is collected.
        links.append(Link(entry_id=entry.pk, position=position, hash=previous))
    try:
        with transaction.atomic():
            Link.objects.bulk_create(links)
    except IntegrityError:
        return 0
    return len(links)


def _unsealed(now: datetime, limit: int) -> list[Entry]:
    """Return the next settled entries. Where they begin is known: all of memory is never looked through for them."""
    settled = Entry.objects.filter(at__lt=now - SETTLING).order_by("pk")
    sealed_to = Link.objects.aggregate(last=Max("entry"))["last"] or 0
    news = list(settled.filter(pk__gt=sealed_to)[:limit])
    # Once all is sealed: whatever took longer to commit than its neighbours, and was passed over.
    late = settled.filter(pk__lt=sealed_to, at__gt=now - LATEST, link__isnull=True)
    return news or list(late[:limit])


def _passed_over() -> Entry | None:
    """Return an entry that nothing seals any more: older by LATEST than the newest sealed one, and without a link."""
    newest = Link.objects.select_related("entry").order_by("-entry_id").first()
    if newest is None:
        return None
    older = Entry.objects.filter(pk__lt=newest.entry_id, at__lt=newest.entry.at - LATEST, link__isnull=True)
    return older.order_by("pk").first()


def verify(known_head: str | None = None) -> int:
    """Walk the whole chain; return its length. Raises ChainBroken.

    `known_head` is a hash kept elsewhere (a log line, a mail): without it, a cut-off end cannot be told.
    """
    previous, expected, heads = GENESIS, 0, {GENESIS}
    for link in Link.objects.select_related("entry").order_by("position").iterator(chunk_size=2000):
        expected += 1
        if link.position != expected:
            raise ChainBroken(f"link {expected} is missing")
        previous = next_hash(previous, link.entry)
        if previous != link.hash:
            raise ChainBroken(f"entry {link.entry_id} is not what was sealed")
        heads.add(previous)
    passed_over = _passed_over()
    if passed_over is not None:
        raise ChainBroken(f"entry {passed_over.pk} was put among those that were sealed long ago")
    if known_head is not None and known_head not in heads:
        raise ChainBroken("the end of the chain was cut off")
    return expected
