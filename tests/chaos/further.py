"""Further trials: several workers on the same rows, clocks in other zones, a web process that writes without pause."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.bases import SQLITE
from tests.chaos.matrix import SECONDS, Bench, Outcome
from tests.chaos.points import Point

ZONES = ("Asia/Tokyo", "America/New_York")
RACERS_SECONDS = 180.0


@dataclass
class Trial:
    """One trial's name, size and `faults` (sentences that begin with lost, doubled or stuck)."""

    name: str
    stories: int
    faults: list[str] = field(default_factory=list)
    note: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.stories} stories{', ' + self.note if self.note else ''}: {self.faults or 'well'}"


def race(bench: Bench, workers: int, stories: int, *, scribbling: bool = False) -> Trial:
    """Let workers take whatever is due of the same stories; with `scribbling`, beside a web process that writes on and on."""
    trial = Trial(f"{workers} workers on the same rows", stories)
    with bench.town() as town:
        begun = [bench.begin(town, 1) for _number in range(stories)]
        enough = bench.folder / f"enough-{town.folder.name}"
        enough.unlink(missing_ok=True)
        writer = bench.nursery.start("scribble", town.as_job(), until=str(enough)) if scribbling else None
        orders = [order for _label, order in begun]
        racers = [
            bench.nursery.start("race", town.as_job(), orders=orders, patience=RACERS_SECONDS)
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
        for label, order in begun:
            judged = bench.nursery.do("judge", town.as_job(), order=order)
            if not judged["over"]:
                trial.faults.append(f"stuck: {judged['facts']['story']}")
            trial.faults += bench.verdict(town, label, order, judged["facts"])
    return trial


def in_other_zones(bench: Bench, points: list[Point], kinds: tuple[str, ...] = ("kill", "zombie")) -> Trial:
    """A worker whose clock is set to Tokyo is struck; one in New York takes over."""
    trial = Trial(f"workers in {ZONES[0]} and {ZONES[1]}", 0)
    for point in points:
        for kind in kinds:
            outcome: Outcome = bench.attempt(point, kind, 1, zones=ZONES)
            trial.stories += 1
            trial.faults += outcome.faults
    return trial


def all_of(bench: Bench, points: list[Point]) -> list[Trial]:
    """Every further trial on this base."""
    trials = [race(bench, 2, 12), race(bench, 4, 12), in_other_zones(bench, points[::10])]
    if bench.base.kind == SQLITE:
        trials.append(race(bench, 2, 12, scribbling=True))
    return trials
