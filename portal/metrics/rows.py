"""What the database says at this moment: read when Prometheus asks, with queries whose cost does not grow with the past."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from django.db import DatabaseError
from django.db.models import Count, Min, OuterRef, Subquery, Sum
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from certificates.models import AcmeOrder, CaAccount, Certificate, Issuance
from portal.backlog import MOST_COUNTED, backlogs
from portal.metrics import tallies

log = logging.getLogger(__name__)

NEWEST = 100
WHO = tuple(word or "nobody" for word in AcmeOrder.WaitingFor.values)


class Rows(Collector):
    """A database that does not answer makes its figures missing and `chancery_database_up` 0; the page comes all the same."""

    def collect(self) -> Iterable[Metric]:
        now = timezone.now()
        try:
            tallies.count(now)
            found = [
                *_queues(now),
                *_issuances(now),
                *_orders(now),
                *_accounts(now),
                _requests(),
                *tallies.Tallies().collect(),
            ]
        except DatabaseError:
            log.exception("the database does not tell its figures")
            found = []
        yield GaugeMetricFamily(
            "chancery_database_up", "1 if the database has told what is here.", value=1 if found else 0
        )
        yield from found


def _seconds(now: datetime, since: datetime | None) -> float:
    return max(0.0, (now - since).total_seconds()) if since is not None else 0.0


def _queues(now: datetime) -> Iterable[Metric]:
    due = GaugeMetricFamily(
        "chancery_due_rows", f"Due and free, counted up to {MOST_COUNTED}.", labels=["queue"]
    )
    oldest = GaugeMetricFamily(
        "chancery_oldest_due_seconds", "How long the first due row has been due.", labels=["queue"]
    )
    untouched = GaugeMetricFamily(
        "chancery_untouched_seconds",
        "How long a ready row has not been claimed: no worker is at it.",
        labels=["queue"],
    )
    held = GaugeMetricFamily("chancery_held_rows", "Rows that are worked now.", labels=["queue"])
    lapsed = GaugeMetricFamily(
        "chancery_lapsed_leases", "Leases that nobody came back for.", labels=["queue"]
    )
    since = GaugeMetricFamily(
        "chancery_oldest_lapsed_lease_seconds", "Since when the oldest of them is over.", labels=["queue"]
    )
    for backlog in backlogs(now):
        name = [backlog.queue]
        due.add_metric(name, backlog.due)
        oldest.add_metric(name, _seconds(now, backlog.oldest_due))
        untouched.add_metric(name, _seconds(now, backlog.untouched_since))
        held.add_metric(name, backlog.held)
        lapsed.add_metric(name, backlog.lapsed)
        since.add_metric(name, _seconds(now, backlog.lapsed_since))
    return due, oldest, untouched, held, lapsed, since


def _issuances(now: datetime) -> Iterable[Metric]:
    """What is wanted and not there yet, by whom it waits for. Finished ones are counted in the tallies."""
    newest = AcmeOrder.objects.filter(issuance=OuterRef("pk")).order_by("-attempt")
    wanted = Issuance.objects.filter(state=Issuance.State.WANTED).order_by()
    found = (
        wanted.annotate(who=Subquery(newest.values("waiting_for")[:1]))
        .values("who")
        .annotate(number=Count("pk"), oldest=Min("created_at"))
    )
    by_whom = {row["who"] or "nobody": (row["number"], row["oldest"]) for row in found}
    number = GaugeMetricFamily(
        "chancery_issuances_wanted", "Wanted, by whom they wait for.", labels=["waiting_for"]
    )
    age = GaugeMetricFamily(
        "chancery_issuances_oldest_seconds", "Age of the oldest wanted one.", labels=["waiting_for"]
    )
    for who in WHO:
        count, oldest = by_whom.get(who, (0, None))
        number.add_metric([who], count)
        age.add_metric([who], _seconds(now, oldest))
    return number, age


def _requests() -> Metric:
    """What the newest certificates have cost their CAs, all tries of each together."""
    newest = Certificate.objects.order_by("-issued_at", "-id").values_list("issuance_id", flat=True)[:NEWEST]
    found = AcmeOrder.objects.filter(issuance__in=list(newest))
    told = found.order_by().aggregate(asked=Sum("requests"), certificates=Count("issuance", distinct=True))
    mean = (told["asked"] or 0) / (told["certificates"] or 1)
    return GaugeMetricFamily(
        "chancery_requests_per_certificate",
        f"Requests to the CA for a certificate, all tries of it together: the mean of the newest {NEWEST}.",
        value=mean,
    )


def _orders(now: datetime) -> Iterable[Metric]:
    """Orders at CAs whose story is not over: read through the index of what is due, whatever has ended before."""
    number = GaugeMetricFamily(
        "chancery_acme_orders", "Orders at CAs under way, by RFC 8555's status.", labels=["status"]
    )
    age = GaugeMetricFamily(
        "chancery_acme_orders_oldest_seconds", "Age of the oldest of them.", labels=["status"]
    )
    under_way = AcmeOrder.objects.filter(due_at__isnull=False, ended_at__isnull=True).order_by()
    found = under_way.values("status").annotate(number=Count("pk"), oldest=Min("created_at"))
    by_status = {row["status"]: (row["number"], row["oldest"]) for row in found}
    for status in AcmeOrder.Status.values:
        count, oldest = by_status.get(status, (0, None))
        number.add_metric([status], count)
        age.add_metric([status], _seconds(now, oldest))
    return number, age


def _accounts(now: datetime) -> Iterable[Metric]:
    """The accounts that operators have set up: a handful."""
    paused = GaugeMetricFamily("chancery_ca_paused", "1 while an operator is needed.", labels=["account"])
    resting = GaugeMetricFamily(
        "chancery_ca_resting", "1 while a CA in trouble is left in peace.", labels=["account"]
    )
    failures = GaugeMetricFamily("chancery_ca_failures", "Failures in a row.", labels=["account"])
    for account in (
        CaAccount.objects.house().filter(enabled=True).only("name", "paused_at", "resting_until", "failures")
    ):
        paused.add_metric([account.name], account.paused_at is not None)
        resting.add_metric([account.name], account.resting_until is not None and account.resting_until > now)
        failures.add_metric([account.name], account.failures)
    return paused, resting, failures
