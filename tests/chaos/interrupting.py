"""Trials on a whole installation, one interruption at a time: messages doubled, Redis emptied, PostgreSQL restarted."""

from __future__ import annotations

import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path

import redis as redis_client

from tests.chaos.bases import POSTGRES
from tests.chaos.further import Trial
from tests.chaos.installation import SMOOTH, running_installation
from tests.chaos.storm import Customers, Meddle, Report, serve

ORDERS = 40


def all_of(kind: str, folder: Path, orders: int = ORDERS) -> list[Trial]:
    """Interrupt one installation in every way that fits its kind; each way has customers of its own."""
    trials = []
    with running_installation(kind, folder, SMOOTH) as installation:
        for name, interruption in INTERRUPTIONS.items():
            if kind == POSTGRES or name not in OF_SERVERS:
                counted: Counter[str] = Counter()
                report = Report(orders)
                serve(installation, report, interruption(counted))
                trial = Trial(name, orders, report.faults)
                trial.note = f"{counted['done']} times in {report.seconds:.0f} s"
                if not counted["done"]:
                    trial.faults.append(f"stuck: nobody was interrupted ({name})")
                trials.append(trial)
    return trials


def messages_doubled(counted: Counter[str]) -> Meddle:
    def meddle(customers: Customers) -> None:
        while customers.wait(0.3):
            customers.installation.nursery.do("echo", customers.installation.town.as_job())
            counted["done"] += 1

    return meddle


def redis_emptied(counted: Counter[str]) -> Meddle:
    def meddle(customers: Customers) -> None:
        broker = redis_client.Redis.from_url(customers.installation.env["REDIS_URL"])
        while customers.wait(0.2):
            with suppress(redis_client.RedisError):
                broker.flushall()
                counted["done"] += 1

    return meddle


def postgres_restarted(counted: Counter[str]) -> Meddle:
    """As an administrator does: every session is ended, whatever it is in the middle of."""

    def meddle(customers: Customers) -> None:
        postgres = next(one for one in customers.installation.members if one.name == "postgres")
        while customers.wait(2.0):
            postgres.stop(signal.SIGINT)
            postgres.start()
            postgres.wait()
            counted["done"] += 1

    return meddle


OF_SERVERS = ("Redis emptied", "PostgreSQL restarted")
INTERRUPTIONS = {
    "each message twice and late, two beats": messages_doubled,
    "Redis emptied": redis_emptied,
    "PostgreSQL restarted": postgres_restarted,
}
