"""The crash points, tried one by one: a fresh story each, one fault, a fresh worker, and every witness asked."""

from __future__ import annotations

import itertools
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

from tests.chaos.bases import SQLITE, Base, running_base
from tests.chaos.children import Child, NoChild, Nursery
from tests.chaos.points import KINDS, Point
from tests.chaos.town import Town, running_town

SECONDS = 90.0
LEASE_SECONDS = 90.0
# After a fault of our own an operator is told, and the step is tried again by itself within the hour.
HOUR_SECONDS = 3600.0
STANDS_STILL_SECONDS = 0.5
RERUNS = 2
ISSUED = "is ready"
WORDS = ("lost", "doubled", "stuck")


@dataclass
class Outcome:
    """What became of one story. `faults` are sentences that begin with lost, doubled or stuck; none: all is well."""

    point: Point | None
    kind: str
    reached: bool = True
    faults: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind} {self.point}: {'; '.join(self.faults) or 'well'} {self.facts.get('story', '')}"


class Bench:
    """Several towns side by side on one base, and one nursery whose children work in any of them."""

    def __init__(self, base: Base, folder: Path, towns: Sequence[Town], nursery: Nursery) -> None:
        self.base, self.folder, self.nursery = base, folder, nursery
        self.towns: Queue[Town] = Queue()
        self.size = len(towns)
        self.labels = itertools.count(1)
        self.kills = 0
        self.stories = 0
        for number, town in enumerate(towns):
            town.folder.joinpath("number").write_text(str(number))
            self.refresh(town)
            self.towns.put(town)

    def refresh(self, town: Town) -> None:
        number = town.folder.joinpath("number").read_text()
        town.database, town.records.database = self.base.fresh(f"town{number}")

    @contextmanager
    def town(self) -> Iterator[Town]:
        town = self.towns.get()
        try:
            yield town
        finally:
            self.towns.put(town)

    # --- one story ------------------------------------------------------------------------------------

    def record(self, names: int, mutant: str = "") -> list[Point]:
        """Walk once undisturbed and return every point that was passed. Raises AssertionError if it went wrong."""
        with self.town() as town:
            label, order = self.begin(town, names)
            told = self.nursery.do("walk", town.as_job(), order=order, mutant=mutant)
            self.nursery.learn(told["loaded"])
            faults = self.verdict(town, label, order, told["facts"])
            assert told["over"], (told["facts"]["story"], faults)
            assert faults == [], faults
        return [Point.read(text) for text in told["passed"]]

    def begin(self, town: Town, names: int) -> tuple[str, str]:
        label = f"s{next(self.labels)}"
        self.stories += 1
        domains = [f"{label}.example", *(f"www{n}.{label}.example" for n in range(1, names))]
        told = self.nursery.do("begin", town.as_job(), label=label, names=domains)
        return label, told["order"]

    def attempt(
        self, point: Point, kind: str, names: int, *, zones: tuple[str, str] = ("", ""), **job: Any
    ) -> Outcome:
        """Let one worker be struck at one point and another finish; a point that was not reached is tried anew.

        `job` is more for both of them to know: a `mutant`, or their `patience` in seconds.
        """
        outcome = Outcome(point, kind)
        for _try in range(RERUNS + 1):
            with self.town() as town:
                outcome = self._attempt(town, point, kind, names, zones, job)
                if outcome.faults:
                    self.refresh(town)
            if outcome.reached or outcome.faults:
                break
        return outcome

    def _attempt(
        self, town: Town, point: Point, kind: str, names: int, zones: tuple[str, str], more: dict[str, Any]
    ) -> Outcome:
        label, order = self.begin(town, names)
        job = {"order": order, **more}
        struck = self.nursery.start("walk", town.as_job(), point=str(point), kind=kind, zone=zones[0], **job)
        how = struck.wait(SECONDS)
        outcome = Outcome(point, kind)
        try:
            if how == "stopped":
                told = self._overtake(town, struck, point, {**job, "zone": zones[1]})
            else:
                told = self._recover(town, struck, how, kind, {**job, "zone": zones[1]}, outcome)
        except NoChild as error:
            outcome.faults.append(f"stuck: {str(error)[-1500:]}")
            struck.end()
            return outcome
        outcome.facts = told["facts"]
        if not told["over"]:
            outcome.faults.append("stuck: a fresh worker does not end it")
        longest, limit = (
            told.get("longest", 0.0),
            HOUR_SECONDS * 1.1 if kind == "exception" else LEASE_SECONDS,
        )
        if longest > limit + 1:
            outcome.faults.append(f"stuck: a row waits for {longest:.0f} s")
        outcome.faults += self.verdict(town, label, order, told["facts"])
        return outcome

    def _recover(
        self, town: Town, struck: Child, how: str, kind: str, job: dict[str, Any], outcome: Outcome
    ) -> dict[str, Any]:
        if how == "running":
            struck.end()
            raise NoChild(
                f"the worker neither dies nor ends:\n{struck.log.read_text(errors='replace')[-1500:]}"
            )
        if kind == "kill" and struck.status == -signal.SIGKILL:
            self.kills += 1
        else:
            told = struck.result()
            outcome.reached = bool(told["struck"])
            if told["over"]:
                return told
        return self.nursery.do(
            "walk", town.as_job(), seconds=SECONDS, fresh=True, hurry=kind in {"lost", "exception"}, **job
        )

    def _overtake(self, town: Town, zombie: Child, point: Point, job: dict[str, Any]) -> dict[str, Any]:
        """The worker stands still for longer than its lease, another does all there is, then the first wakes up."""
        second = self.nursery.start("walk", town.as_job(), fresh=True, **job)
        if point.in_transaction and self.base.kind == SQLITE:
            # A file has one writer: nobody can go on before the sleeper does, which its lock makes plain to all.
            time.sleep(STANDS_STILL_SECONDS)
            zombie.signal(signal.SIGCONT)
        how = second.wait(SECONDS)
        zombie.signal(signal.SIGCONT)
        if how != "ended":
            second.end()
            zombie.end()
            raise NoChild(
                f"the second worker does not end:\n{second.log.read_text(errors='replace')[-1500:]}"
            )
        longest = second.result().get("longest", 0.0)
        if zombie.wait(SECONDS) != "ended":
            zombie.end()
            raise NoChild(f"the sleeper does not end:\n{zombie.log.read_text(errors='replace')[-1500:]}")
        return {**self.nursery.do("judge", town.as_job(), order=job["order"]), "longest": longest}

    # --- the witnesses ----------------------------------------------------------------------------------

    def verdict(self, town: Town, label: str, order: str, facts: dict[str, Any]) -> list[str]:
        """Ask the rows, the CA's own log, the gateway and the mailbox."""
        signed = town.signed()
        counted = {name: value for name, value in facts.items() if name not in {"story", "urls"}}
        counted["signed by the CA"] = sum(signed[url.rpartition("/")[2]] for url in facts["urls"])
        counted["pages to pay at"] = town.gateway.pages_of(order)
        counted["mails"] = town.mailbox.letters_to(f"{label}@example.org", ISSUED)
        return [sentence(name, value) for name, value in counted.items() if value != WANTED[name]]


WANTED = {
    "plans": 1, "payments": 1, "odd payments": 0, "issuances": 1, "issued": 1, "certificates": 1, "keys": 1,
    "keys fit": 1, "valid orders": 1, "letters": 1, "waiting": 0, "signed by the CA": 1, "pages to pay at": 1, "mails": 1,
}  # fmt: skip


def sentence(name: str, value: int) -> str:
    if name == "waiting":
        return f"stuck: {value} rows are waiting"
    return f"{'lost' if value < WANTED[name] else 'doubled'}: {value} {name}"


@contextmanager
def running_bench(kind: str, folder: Path, *, side_by_side: int = 4) -> Iterator[Bench]:
    with ExitStack() as stack:
        base = stack.enter_context(running_base(kind, folder / "base"))
        towns = [
            stack.enter_context(running_town(folder / f"town{number}", "")) for number in range(side_by_side)
        ]
        nursery = Nursery(folder / "children", base.env)
        stack.callback(nursery.stop)
        yield Bench(base, folder, towns, nursery)


def try_all(
    bench: Bench, points: Iterable[Point], kinds: Sequence[str] = KINDS, names: int = 1,
    *, until_red: bool = False, heard: Callable[[Outcome], None] = lambda _outcome: None, **job: Any,
) -> list[Outcome]:  # fmt: skip
    """Try every point with every kind of fault, several stories side by side; `heard` is told of each as it ends."""
    enough = threading.Event()

    def one(pair: tuple[str, Point]) -> Outcome | None:
        if enough.is_set():
            return None
        kind, point = pair
        outcome = bench.attempt(point, kind, names, **job)
        if until_red and outcome.faults:
            enough.set()
        heard(outcome)
        return outcome

    pairs = list(itertools.product(kinds, points))
    with ThreadPoolExecutor(bench.size) as pool:
        return [outcome for outcome in pool.map(one, pairs) if outcome is not None]


def count(outcomes: Iterable[Outcome]) -> Counter[str]:
    """Points tried by kind of fault, points not reached, and stories lost, doubled and stuck."""
    counted: Counter[str] = Counter()
    for outcome in outcomes:
        counted[outcome.kind] += outcome.reached
        counted["not reached"] += not outcome.reached
        for word in WORDS:
            counted[f"ended {word}"] += any(fault.startswith(word) for fault in outcome.faults)
    return counted


def distinct(points: Iterable[Point]) -> list[Point]:
    return list(dict.fromkeys(points))


def clean(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
