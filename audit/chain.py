"""The hash chain over memory: seals new entries and finds any that were changed, removed, added or moved."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from audit.models import Entry, Link

GENESIS = "0" * 64
# An entry gets its id before its transaction commits: wait until slower neighbours with lower ids are visible too.
SETTLING = timedelta(seconds=30)


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
    for entry in Entry.objects.filter(link__isnull=True, at__lt=now - SETTLING).order_by("pk")[:limit]:
        position += 1
        previous = next_hash(previous, entry)
        links.append(Link(entry=entry, position=position, hash=previous))
    try:
        with transaction.atomic():
            Link.objects.bulk_create(links)
    except IntegrityError:
        return 0
    return len(links)


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
    if known_head is not None and known_head not in heads:
        raise ChainBroken("the end of the chain was cut off")
    return expected
