"""Further trials: several workers on the same rows, clocks in other zones, a busy web process, the day's work done twice."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.bases import SQLITE
from tests.chaos.matrix import SECONDS, Bench, try_all
from tests.chaos.points import Point

ZONES = ("Asia/Tokyo", "America/New_York")
RACERS_SECONDS = 180.0
REMINDS = "the certificate ends in"


@dataclass
class Trial:
    """One trial's name, size and `faults` (sentences that begin with lost, doubled or stuck)."""

    name: str
    stories: int
    faults: list[str] = field(default_factory=list)
    note: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.stories} stories{', ' + self.note if self.note else ''}"


def race(bench: Bench, workers: int, stories: int, *, scribbling: bool = False, mutant: str = "") -> Trial:
    """Let workers take whatever is due of the same stories; with `scribbling`, beside a web process that writes on and on."""
    trial = Trial(f"{workers} workers on the same rows", stories)
    with bench.town() as town:
        begun = [bench.begin(town, 1) for _number in range(stories)]
        enough = bench.folder / f"enough-{town.folder.name}"
        enough.unlink(missing_ok=True)
        writer = bench.nursery.start("scribble", town.as_job(), until=str(enough)) if scribbling else None
        orders = [order for _label, order in begun]
        racers = [
            bench.nursery.start("race", town.as_job(), orders=orders, patience=RACERS_SECONDS, mutant=mutant)
            for _number in range(workers)
        ]
        for racer in racers:
            if racer.wait(RACERS_SECONDS + SECONDS) != "ended":
                racer.end()
                trial.faults.append("stuck: a worker does not end")
        enough.touch()
        if writer is not None:
            trial.name += ", the web process writing at full speed"
            writer.wait(SECONDS)
            told = writer.result()
            trial.note = f"{told['written']} writes beside them"
            trial.faults += [f"lost: {fault}" for fault in told["faults"]]
            if not told["written"]:
                trial.faults.append("stuck: the web process has written nothing")
        for label, order in begun:
            judged = bench.nursery.do("judge", town.as_job(), order=order)
            if not judged["over"]:
                trial.faults.append(f"stuck: {judged['facts']['story']}")
            trial.faults += bench.verdict(town, label, order, judged["facts"])
        if trial.faults:
            bench.refresh(town)
    return trial


def in_other_zones(bench: Bench, points: list[Point], kinds: tuple[str, ...] = ("kill", "zombie")) -> Trial:
    """A worker whose clock is set to Tokyo is struck; one in New York takes over."""
    outcomes = try_all(bench, points, kinds, zones=ZONES)
    trial = Trial(f"a worker in {ZONES[0]} struck, one in {ZONES[1]} after it", len(outcomes))
    trial.faults = [fault for outcome in outcomes for fault in outcome.faults]
    return trial


def day_twice(bench: Bench, beats: int = 4) -> Trial:
    """Several beats ring for the day's work at one moment: a reminder to write, a plan that ends, a renewal to watch."""
    trial = Trial(f"{beats} beats ring for the day's work at once", 2)
    with bench.town() as town:
        (label, ending), (_other, over) = bench.begin(town, 1), bench.begin(town, 1)
        for order in (ending, over):
            bench.nursery.do("walk", town.as_job(), order=order)
        bench.nursery.do("age", town.as_job(), ending=ending, over=over)
        at_once = [bench.nursery.start("day", town.as_job()) for _number in range(beats)]
        for worker in at_once:
            if worker.wait(SECONDS) != "ended" or worker.status != 0:
                worker.end()
                trial.faults.append("stuck: the day's work does not end")
        told = bench.nursery.do("judge day", town.as_job(), ending=ending, over=over)
        told["mails that remind"] = town.mailbox.letters_to(f"{label}@example.org", REMINDS)
        trial.faults += [
            f"{'lost' if not value else 'doubled'}: {value} {name}"
            for name, value in told.items()
            if value != 1
        ]
        bench.refresh(town)
    return trial


def all_of(bench: Bench, points: list[Point]) -> list[Trial]:
    """Every further trial on this base."""
    trials = [race(bench, 2, 12), race(bench, 4, 12), in_other_zones(bench, points[::10]), day_twice(bench)]
    if bench.base.kind == SQLITE:
        trials.append(race(bench, 2, 12, scribbling=True))
    return trials
