"""What ever happened, counted once from memory (the audit entries) and kept: issued, refused, paid, mailed, and how long an issue took."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from audit.chain import SETTLING
from audit.models import Entry
from audit.vocabulary import Action
from certificates.models import Certificate, Issuance
from portal.models import Tally

BATCH = 1000
HAPPENED, PAID_TO_ISSUED, READ_TO = "happened", "paid_to_issued", "read_to"
# Seconds. A customer with everything in place waits a minute; one who must ask a colleague waits days.
BUCKETS = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 259200, 604800)
BEYOND = "+Inf"
# Nothing counts a million finished rows: whoever ends an issuance leaves an entry in memory, in the same transaction.
ENDED = {
    Action.CERTIFICATE_ISSUED: Issuance.State.ISSUED,
    Action.ISSUANCE_FAILED: Issuance.State.FAILED,
    Action.ISSUANCE_WITHDRAWN: Issuance.State.WITHDRAWN,
}


def bring_up_to_date(now: datetime) -> None:
    """Count whatever memory has gained and not been counted. For the tidying, which has time."""
    while count(now) == BATCH:
        pass


def count(now: datetime) -> int:
    """Count at most BATCH new entries, each exactly once whoever counts at the same time; return how many.

    An entry counts when it has settled: it gets its id before its transaction commits, and one with a lower id may come later.
    """
    read_to = Tally.objects.filter(name=READ_TO).values_list("count", flat=True).first() or 0
    news = _settled(read_to, now)
    if not news:
        return 0
    try:
        with transaction.atomic():
            # One counter at a time: whoever moved the mark first has counted these entries.
            if not _move_mark(read_to, news[-1][0]):
                return 0
            for action, number in Counter(action for _pk, action, _object in news).items():
                _add(HAPPENED, action, number)
            for seconds in _times(
                [thing for _pk, action, thing in news if action == Action.CERTIFICATE_ISSUED]
            ):
                _add(PAID_TO_ISSUED, bucket_of(seconds), 1, seconds)
    except IntegrityError:
        # The very first count, begun twice.
        return 0
    return len(news)


def _settled(read_to: int, now: datetime) -> list[tuple[int, str, str]]:
    rows = Entry.objects.filter(pk__gt=read_to).order_by("pk").values_list("pk", "action", "object_id", "at")
    news: list[tuple[int, str, str]] = []
    for pk, action, thing, at in rows[:BATCH]:
        if at >= now - SETTLING:
            break
        news.append((pk, action, thing))
    return news


def _move_mark(before: int, after: int) -> bool:
    if before == 0 and not Tally.objects.filter(name=READ_TO).exists():
        Tally.objects.create(name=READ_TO, count=after)
        return True
    return Tally.objects.filter(name=READ_TO, count=before).update(count=after) == 1


def _add(name: str, label: str, number: int, total: float = 0.0) -> None:
    mine = Tally.objects.filter(name=name, label=label)
    if not mine.update(count=F("count") + number, total=F("total") + total):
        Tally.objects.create(name=name, label=label, count=number, total=total)


def _times(certificates: list[str]) -> Iterable[float]:
    """Return for each first certificate of a plan how many seconds after the payment it was there."""
    firsts = Certificate.objects.filter(pk__in=certificates, issuance__kind=Issuance.Kind.FIRST)
    for paid_at, issued_at in firsts.values_list("plan__item__order__paid_at", "issued_at"):
        if paid_at is not None:
            yield max(0.0, (issued_at - paid_at).total_seconds())


def bucket_of(seconds: float) -> str:
    """Return the upper bound of the bucket: a bound belongs to its own bucket, as Prometheus has it."""
    place = bisect_left(BUCKETS, seconds)
    return str(BUCKETS[place]) if place < len(BUCKETS) else BEYOND


class Tallies(Collector):
    """The tallies as Prometheus reads them. Two handfuls of rows, whatever was counted."""

    def collect(self) -> Iterable[Metric]:
        rows = list(Tally.objects.exclude(name=READ_TO))
        happened = CounterMetricFamily(
            "chancery_happened",
            "What memory holds, by its word: certificate:issued, letter:failed ...",
            labels=["what"],
        )
        for row in rows:
            if row.name == HAPPENED:
                happened.add_metric([row.label], row.count)
        yield happened
        yield self._ended({row.label: row.count for row in rows if row.name == HAPPENED})
        yield self._times([row for row in rows if row.name == PAID_TO_ISSUED])

    def _ended(self, happened: dict[str, int]) -> Metric:
        metric = CounterMetricFamily(
            "chancery_issuances_ended", "Issuances that came to their end, by their state.", labels=["state"]
        )
        for action, state in ENDED.items():
            metric.add_metric([str(state)], happened.get(str(action), 0))
        return metric

    def _times(self, rows: list[Tally]) -> Metric:
        by_bound = {row.label: row.count for row in rows}
        buckets, so_far = [], 0
        for bound in (*map(str, BUCKETS), BEYOND):
            so_far += by_bound.get(bound, 0)
            buckets.append((bound, so_far))
        metric = HistogramMetricFamily(
            "chancery_paid_to_issued_seconds", "From the payment to the first certificate of a plan."
        )
        metric.add_metric([], buckets, sum_value=sum(row.total for row in rows))
        return metric
