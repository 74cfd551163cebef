"""Random chaos: a thousand orders, and something is killed every other second until the last one has its certificate."""

from __future__ import annotations

import os
import random
import signal
import ssl
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis as redis_client

from tests.chaos import programs
from tests.chaos.bases import IDLE_MILLISECONDS, POSTGRES, SQLITE, running_base
from tests.chaos.children import Child, Nursery
from tests.chaos.matrix import ISSUED, WANTED, sentence
from tests.chaos.programs import Program
from tests.chaos.town import Town, running_town
from tests.contracts.ca import PEBBLE_ENVIRONMENT
from tests.servers import _unprivileged, free_port

LEASE_SECONDS = 10.0
PATIENCE = 1800.0
WATCH_SECONDS, SILENCES = 2.0, 3
ZONES = ("Asia/Tokyo", "America/New_York")
# One witness counts by owner, and here one owner has two orders.
BY_OWNER = "keys"


@dataclass
class Report:
    """What a run came to. `faults` are sentences that begin with lost, doubled or stuck."""

    orders: int
    seconds: float = 0.0
    kills: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def count(self, word: str) -> int:
        return sum(fault.startswith(word) for fault in self.faults)

    def __str__(self) -> str:
        killed = ", ".join(f"{name} {times}" for name, times in sorted(self.kills.items()))
        other = ", ".join(f"{name} {times}" for name, times in sorted(self.other.items()))
        return f"{self.orders} orders in {self.seconds:.0f} s, {self.kills.total()} kills ({killed}); {other or 'nothing else'}"


class Installation:
    """A whole portal with supervised programs, in one town."""

    def __init__(
        self, kind: str, folder: Path, town: Town, env: dict[str, str], members: list[Program]
    ) -> None:
        self.kind, self.folder, self.town, self.env, self.members = kind, folder, town, env, members
        self.restarts = 0
        self.replacement: subprocess.Popen[bytes] | None = None
        self.ending = threading.Event()

    @property
    def web(self) -> str:
        return next(f"http://127.0.0.1:{one.port}" for one in self.members if one.name == "web")

    def start(self) -> None:
        for member in self.members:
            member.keep_up()
        for member in self.members:
            if member.port:
                member.wait()
        threading.Thread(target=self.watch_the_ca, daemon=True).start()

    def stop(self) -> None:
        self.ending.set()
        for member in reversed(self.members):
            member.kill()
        if self.replacement is not None:
            self.replacement.kill()
            self.replacement.wait(10)

    def watch_the_ca(self) -> None:
        """Debian's Pebble can lock up for good (letsencrypt/pebble#554): start it anew; it then knows nobody any more."""
        silences = 0
        while not self.ending.wait(WATCH_SECONDS):
            silences = 0 if self.ca_answers() else silences + 1
            if silences >= SILENCES:
                self.replace_the_ca()
                silences = 0

    def ca_answers(self) -> bool:
        context = ssl.create_default_context(cadata=self.town.ca.roots_pem)
        with (
            suppress(OSError),
            urllib.request.urlopen(self.town.ca.directory_url, timeout=3, context=context) as answer,
        ):
            return bool(answer.status == 200)
        return False

    def replace_the_ca(self) -> None:
        old = self.replacement or self.town.ca.process
        with suppress(ProcessLookupError):
            old.send_signal(signal.SIGKILL)
        old.wait(10)
        home = self.town.folder / "pebble"
        with (home / "output.log").open("ab") as log:
            self.replacement = subprocess.Popen(
                self.town.ca.process.args,
                cwd=home,
                env=os.environ | PEBBLE_ENVIRONMENT | rough(),
                stdout=log,
                stderr=log,
            )
        self.restarts += 1


def rough() -> dict[str, str]:
    return {"PEBBLE_WFE_NONCEREJECT": "15", "PEBBLE_AUTHZREUSE": "50", "PEBBLE_WFE_ORDERS_PER_PAGE": "5000"}


def smooth() -> dict[str, str]:
    return {**rough(), "PEBBLE_WFE_NONCEREJECT": "0"}


@contextmanager
def running_installation(
    kind: str, folder: Path, ca: dict[str, str], workers: int = 2
) -> Iterator[Installation]:
    """Everything that a portal consists of, started and answering."""
    folder.mkdir(parents=True, exist_ok=True)
    members: list[Program] = []
    with running_base(kind, folder / "base") as base:
        env = dict(base.env)
    with ExitStack() as stack:
        if kind == POSTGRES:
            data, port, broker = folder / "base" / "postgres" / "data", free_port(), free_port()
            url = f"postgres://chancery@127.0.0.1:{port}/chancery"
            env |= {
                "DATABASE_URL": f"{url}?options=-c%20idle_in_transaction_session_timeout%3D{IDLE_MILLISECONDS}",
                "REDIS_URL": f"redis://127.0.0.1:{broker}/0",
            }
            members += [
                programs.postgres(port, data, _unprivileged(data.parent)),
                programs.redis(broker, folder),
            ]
            database, records = "chancery", url
        else:
            database = records = str(folder / "base" / "var" / "portal.sqlite3")
        town = stack.enter_context(running_town(folder / "town", records, ca))
        town.database = database
        env |= {
            "STRIPE_API_BASE": town.gateway.url, "EMAIL_PORT": str(town.mailbox.controller.port),
            "VALIDATION_NAMESERVERS": f"127.0.0.1:{town.records.port}", "CHAOS_LEASE_SECONDS": str(LEASE_SECONDS),
        }  # fmt: skip
        for number in range(workers):
            members.append(programs.worker(number, folder, env, ZONES[number % len(ZONES)]))
        # Two beats: whoever follows the first message of a pair finds nothing to do.
        members += [
            programs.beat(1, folder, env),
            programs.beat(2, folder, env),
            programs.web(free_port(), folder, env),
        ]
        installation = Installation(kind, folder, town, env, members)
        stack.callback(installation.stop)
        installation.start()
        yield installation


def run(
    kind: str, folder: Path, orders: int, *, every: float = 0.0, seed: int = 0, workers: int = 2
) -> Report:
    """Let `orders` customers order; with `every`, strike something each so many seconds. Raises NoChild."""
    report = Report(orders)
    with running_installation(kind, folder, rough() if every else smooth(), workers) as installation:
        nursery = Nursery(folder / "children", installation.env)
        try:
            go = folder / "go"
            child = nursery.start(
                "shop",
                installation.town.as_job(),
                count=orders,
                web=installation.web,
                patience=PATIENCE,
                go=str(go),
            )
            while not go.exists() and child.status is None:
                if child.wait(0.1) == "ended":
                    break
            disturb(installation, nursery, child, every, random.Random(seed), report)
            told = child.result()
        finally:
            nursery.stop()
        report.seconds = told["seconds"]
        report.other["CA started anew"] += installation.restarts
        judge(installation, told, report)
    return report


def disturb(
    installation: Installation,
    nursery: Nursery,
    child: Child,
    every: float,
    dice: random.Random,
    report: Report,
) -> None:
    """Kill one program after another in a shuffled round, bring it back at once, until the customers are done."""
    round_: list[Program] = []
    end = time.monotonic() + PATIENCE + 600
    while child.status is None and time.monotonic() < end:
        child.wait(every * dice.uniform(0.5, 1.5) if every else 2.0)
        if child.status is not None:
            return
        if not every:
            for member in installation.members:
                member.keep_up()
            continue
        if not round_:
            round_ = dice.sample(installation.members, len(installation.members))
            disturb_the_broker(installation, nursery, report)
        victim = round_.pop()
        victim.kill()
        victim.start()
        report.kills[victim.name.split()[0]] += 1
        for member in installation.members:
            member.keep_up()


def disturb_the_broker(installation: Installation, nursery: Nursery, report: Report) -> None:
    """Once a round: all messages are gone, and one is delivered twice and late."""
    if installation.kind == POSTGRES:
        with suppress(redis_client.RedisError):
            redis_client.Redis.from_url(installation.env["REDIS_URL"]).flushall()
            report.other["Redis emptied"] += 1
    with suppress(Exception):
        nursery.do("echo", installation.town.as_job(), seconds=15)
        report.other["messages doubled"] += 1


def judge(installation: Installation, told: dict[str, Any], report: Report) -> None:
    town, signed = installation.town, installation.town.signed()
    # A CA that has forgotten everything signs again what it had signed: its amnesia, not ours.
    most = 1 + installation.restarts
    for order, counted in told["orders"].items():
        values = {name: value for name, value in counted.items() if name in WANTED and name != BY_OWNER}
        values["pages to pay at"] = town.gateway.pages_of(order)
        signings = sum(signed[url.rpartition("/")[2]] for url in counted["urls"])
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


__all__ = ["POSTGRES", "SQLITE", "Report", "run"]
