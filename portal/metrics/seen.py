"""What this process counts as it happens: calls that leave the house, rows it works, requests it answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from accounts.models import Letter
from orders.models import GatewayEvent
from outbound import Call
from outbound.calls import Moment
from portal.metrics.registry import CALL_SECONDS, CALLS, REQUEST_SECONDS, REQUESTS, WORK_SECONDS, WORKED

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Everybody else's servers are too many to be told apart, and their names are the customers'.
NAMED_PEERS = {"ca", "gateway"}


def count_call(moment: Moment, this: Call) -> None:
    """A watcher of the door."""
    if moment == "before":
        return
    peer = this.peer if this.kind in NAMED_PEERS else ""
    CALLS.labels(this.kind, this.verb, peer, this.outcome).inc()
    CALL_SECONDS.labels(this.kind, this.verb, peer).observe(this.seconds)


def count_request(route: str, method: str | None, status: int, seconds: float) -> None:
    """`route` is the pattern of the address, so that there are as many figures as pages, not as visitors."""
    method = method if method in METHODS else "other"
    REQUESTS.labels(route, method, str(status)).inc()
    REQUEST_SECONDS.labels(method).observe(seconds)


class Claim:
    """One claim of one row; `ended` is set by whoever sees it end otherwise than well."""

    def __init__(self) -> None:
        self.ended = ""


@contextmanager
def counting_claim(queue: str, row: Any) -> Iterator[Claim]:
    """Count the claim of a row of this queue when it ends, and how long it lasted."""
    claim, started = Claim(), time.monotonic()
    try:
        yield claim
    finally:
        WORKED.labels(queue, claim.ended or _outcome(row)).inc()
        WORK_SECONDS.labels(queue).observe(time.monotonic() - started)


def _outcome(row: Any) -> str:
    """Return in a word of a small vocabulary what has become of the row."""
    if isinstance(row, Letter):
        if row.sent_at is not None:
            return "sent"
        return "given up" if row.due_at is None else "put back"
    if isinstance(row, GatewayEvent):
        # "not ours: payment intent pi_1" is counted as "not ours"; "payment 3 is paid" as "used".
        word = row.outcome.partition(":")[0]
        return word if word in {"not used", "not ours", "refused", "waiting"} else "used"
    return "worked"
