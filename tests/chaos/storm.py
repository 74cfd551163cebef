"""Random chaos: a thousand orders, and one program after another is killed until the last one has its certificate."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis as redis_client

from tests.chaos.bases import POSTGRES, SQLITE
from tests.chaos.children import Child
from tests.chaos.installation import ROUGH, SMOOTH, Installation, running_installation
from tests.chaos.matrix import ISSUED, WANTED, WORDS, sentence
from tests.chaos.programs import Program

PATIENCE = 1800.0
# Who is killed again and again before it has come up is not killed: it is never there.
LONGEST_MERCY = 60.0
LOOK_SECONDS = 0.2
# By when the last customer is served, so much has been killed at least, if it came up quickly enough.
KILLS = 48
# One witness counts by owner, and here one owner has two orders.
BY_OWNER = "keys"

RUNS = itertools.count(1)


@dataclass
class Report:
    """What a run came to. `faults` are sentences that begin with lost, doubled or stuck."""

    orders: int
    seconds: float = 0.0
    kills: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    # Authorizations that orders at the CA were given, and those among them that an earlier order had been given before.
    given: int = 0
    reused: int = 0

    @property
    def reuse(self) -> float:
        return self.reused / self.given if self.given else 0.0

    def count(self, word: str) -> int:
        return sum(fault.startswith(word) for fault in self.faults)

    @property
    def counts(self) -> str:
        return ", ".join(f"{word} {self.count(word)}" for word in WORDS)

    def __str__(self) -> str:
        said = [f"{self.orders} orders in {self.seconds:.0f} s"]
        if self.kills:
            killed = ", ".join(f"{name} {times}" for name, times in sorted(self.kills.items()))
            said.append(f"{self.kills.total()} kills ({killed})")
        said += [f"{name} {times}" for name, times in sorted(self.other.items()) if times]
        said.append(f"{self.reused} of {self.given} authorizations reused")
        return ", ".join(said)


class Customers:
    """Everybody of one run, in a process of their own."""

    def __init__(self, installation: Installation, count: int, patience: float = PATIENCE) -> None:
        number = next(RUNS)
        self.installation, self.count = installation, count
        self.waiting = installation.folder / f"waiting{number}"
        self.child: Child = installation.nursery.start(
            "shop", installation.town.as_job(), run=f"r{number}", count=count, web=installation.web,
            patience=patience, waiting=str(self.waiting),
        )  # fmt: skip
        while not self.waiting.exists() and self.child.status is None:
            self.child.wait(0.1)

    def wait(self, seconds: float) -> bool:
        """Return True while somebody waits for a certificate, after so many seconds at the latest."""
        end = time.monotonic() + seconds
        while self.waiting.exists() and self.child.status is None:
            rest = end - time.monotonic()
            if rest <= 0:
                return True
            self.child.wait(min(0.2, rest))
        return False

    def served(self) -> float:
        """Return the part of the customers that have a certificate, 0 to 1."""
        with suppress(OSError, ValueError):
            return int(self.waiting.read_text()) / self.count
        return 0.0

    def result(self) -> dict[str, Any]:
        while self.child.status is None:
            self.installation.keep_up()
            self.child.wait(1.0)
        return self.child.result()


Meddle = Callable[[Customers], None]


def run(
    kind: str, folder: Path, orders: int, *, every: float = 0.0, seed: int = 0, patience: float = PATIENCE
) -> Report:
    """Let `orders` customers order; with `every`, kill something each so many seconds. Raises NoChild."""
    report = Report(orders)
    with running_installation(kind, folder, ROUGH if every else SMOOTH) as installation:
        meddle = Killing(installation, every, random.Random(seed), report).go_on if every else leave_alone
        serve(installation, report, meddle, patience)
    return report


def serve(installation: Installation, report: Report, meddle: Meddle, patience: float = PATIENCE) -> None:
    """Have one run's customers order, pay and be served, `meddle` all the while, and ask every witness."""
    restarts = len(installation.restarts)
    customers = Customers(installation, report.orders, patience)
    meddle(customers)
    told = customers.result()
    report.seconds = told["seconds"]
    report.other["times the CA started anew"] += len(installation.restarts) - restarts
    judge(installation, told, report)


def leave_alone(customers: Customers) -> None:
    """Undisturbed, but for what ends by itself."""
    while customers.wait(2.0):
        customers.installation.keep_up()


class Killing:
    """Kills one program after another in shuffled rounds, and brings it back at once, until the customers are served.

    `every` is the pace in seconds, jittered; it is quickened where the customers are served sooner than was expected. A
    program is not killed before it has worked for as long as it took to come up: programs that are killed faster than
    they start are the same as none, which proves nothing.
    """

    def __init__(self, installation: Installation, every: float, dice: random.Random, report: Report) -> None:
        self.installation, self.every, self.dice, self.report = installation, every, dice, report
        self.left: list[Program] = []

    def go_on(self, customers: Customers) -> None:
        doubling = threading.Thread(target=self.double_messages, args=(customers,), daemon=True)
        doubling.start()
        at = time.monotonic() + self.every
        while customers.wait(LOOK_SECONDS):
            ready = self.ready()
            behind = self.report.kills.total() < KILLS * customers.served()
            if ready and (behind or time.monotonic() >= at):
                self.strike(ready[0])
                at = time.monotonic() + self.every * self.dice.uniform(0.5, 1.5) - LOOK_SECONDS
        doubling.join(20)

    def ready(self) -> list[Program]:
        """Return who may be killed next in this round."""
        self.installation.keep_up()
        if not self.left:
            members = self.installation.members
            self.left = self.dice.sample(members, len(members))
            self.empty_redis()
        fit = [one for one in self.installation.members if one.has_earned_its_keep()]
        return [one for one in self.left if one in fit or time.time() - one.started > LONGEST_MERCY]

    def strike(self, victim: Program) -> None:
        self.left.remove(victim)
        victim.kill()
        victim.start()
        self.report.kills[victim.kind] += 1

    def empty_redis(self) -> None:
        if self.installation.kind == POSTGRES:
            with suppress(redis_client.RedisError):
                redis_client.Redis.from_url(self.installation.env["REDIS_URL"]).flushall()
                self.report.other["times Redis emptied"] += 1

    def double_messages(self, customers: Customers) -> None:
        """Once a few seconds one message is delivered twice, and once more later."""
        while customers.wait(max(3.0, 4 * self.every)):
            with suppress(Exception):
                self.installation.nursery.do("echo", self.installation.town.as_job(), seconds=15)
                self.report.other["messages doubled"] += 1


def judge(installation: Installation, told: dict[str, Any], report: Report) -> None:
    town, signed = installation.town, installation.town.signed()
    report.given, report.reused = told["reuse"]["given"], told["reuse"]["reused"]
    for order, counted in told["orders"].items():
        values = {name: value for name, value in counted.items() if name in WANTED and name != BY_OWNER}
        values["pages to pay at"] = town.gateway.pages_of(order)
        signings = sum(signed[url.rpartition("/")[2]] for url in counted["urls"])
        most = signings_allowed(counted["span"], installation.restarts)
        values["signed by the CA"] = 1 if 1 <= signings <= most else signings
        wrong = [sentence(name, value) for name, value in values.items() if value != WANTED[name]]
        if wrong:
            report.faults.append(f"{'; '.join(wrong)} {counted['story']}")
    people = Counter(counted["email"] for counted in told["orders"].values())
    for email, count in people.items():
        mails = town.mailbox.letters_to(email, ISSUED)
        if mails != count:
            report.faults.append(
                f"{'lost' if mails < count else 'doubled'}: {mails} mails to {email} for {count} orders"
            )
    if told["keys"] != report.orders:
        report.faults.append(f"doubled: {told['keys']} keys for {report.orders} orders")


def signings_allowed(span: Sequence[float], restarts: Sequence[float]) -> int:
    """Return 1, and one more for each time that the CA forgot everything while this order was with it: its amnesia, not ours."""
    return 1 + sum(min(span) <= moment <= max(span) for moment in restarts) if span else 1


__all__ = ["POSTGRES", "SQLITE", "Report", "run"]
