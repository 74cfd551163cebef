"""`python -m tests.chaos`: every crash point with every fault on both databases, the mutants, and random chaos.

The last lines are the counts. The exit status is 0 only if nothing was lost, doubled or stuck and every mutant was caught.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.chaos import further, storm
from tests.chaos.bases import POSTGRES, SQLITE
from tests.chaos.catching import caught
from tests.chaos.matrix import Bench, count, distinct, running_bench, try_all
from tests.chaos.points import KINDS, MUTANTS

DATABASES = {"sqlite": SQLITE, "postgres": POSTGRES}
FEWEST_KILLS = 40
SLOWEST = 3.0
SHORTEST_PAUSE = 0.7
WORDS = ("lost", "doubled", "stuck")


class Suite:
    """What was tried so far. `lines` are printed at the end."""

    def __init__(self, wanted: argparse.Namespace) -> None:
        self.wanted = wanted
        self.lines: list[str] = []
        self.ended: Counter[str] = Counter()
        self.red: list[str] = []
        self.points = self.tries = self.kills = self.orders = 0

    def say(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def conclude(self, line: str) -> None:
        self.lines.append(line)
        self.say(line)

    def blame(self, faults: list[str]) -> None:
        for fault in faults:
            self.say(f"    {fault}")
            for word in WORDS:
                self.ended[word] += fault.startswith(word)

    def crash_points(self, bench: Bench, names: int) -> None:
        points = distinct(bench.record(names))[:: self.wanted.stride]
        self.points += len(points)
        for kind in self.wanted.kinds:
            began = time.monotonic()
            outcomes = try_all(bench, points, [kind], names)
            counted = count(outcomes)
            for outcome in outcomes:
                if outcome.faults:
                    self.say(f"    {outcome}")
            for word in WORDS:
                self.ended[word] += counted[f"ended {word}"]
            self.tries += counted[kind]
            self.conclude(
                f"{bench.base.kind}, {names} name(s), {kind}: {counted[kind]} of {len(points)} points tried in "
                f"{time.monotonic() - began:.0f} s, {counted['not reached']} not reached, "
                + ", ".join(f"{word} {counted[f'ended {word}']}" for word in WORDS)
            )

    def mutants(self, bench: Bench) -> None:
        for mutant in MUTANTS:
            outcome = caught(bench, mutant)
            if outcome is None:
                self.red.append(f"the mutant '{mutant}' survived")
                self.conclude(f"{bench.base.kind}, mutant '{mutant}': SURVIVED")
            else:
                found = f"{outcome.kind} {outcome.point}: {outcome.faults[0][:80]}"
                self.conclude(f"{bench.base.kind}, mutant '{mutant}': caught, {found}")

    def further(self, bench: Bench) -> None:
        for trial in further.all_of(bench, distinct(bench.record(1))):
            self.blame(trial.faults)
            self.orders += trial.stories
            self.conclude(f"{bench.base.kind}, {trial}")

    def storm(self, kind: str, folder: Path) -> None:
        orders = self.wanted.orders
        calm = storm.run(kind, folder / "calm", orders)
        self.blame(calm.faults)
        self.conclude(f"{kind}, undisturbed: {calm}")
        every = max(SHORTEST_PAUSE, calm.seconds / (FEWEST_KILLS * 1.2))
        rough = storm.run(kind, folder / "storm", orders, every=every, seed=self.wanted.seed)
        self.blame(rough.faults)
        self.kills += rough.kills.total()
        self.orders += 2 * orders
        ratio = rough.seconds / calm.seconds
        self.conclude(f"{kind}, random chaos: {rough}; {ratio:.1f} times the undisturbed run")
        if orders >= 1000:
            if rough.kills.total() < FEWEST_KILLS:
                self.red.append(f"{kind}: only {rough.kills.total()} kills")
            if ratio > SLOWEST:
                self.red.append(
                    f"{kind}: {ratio:.1f} times the undisturbed run, at most {SLOWEST:.0f} are allowed"
                )

    def run(self, kind: str, folder: Path) -> None:
        if not self.wanted.storm_only:
            with running_bench(kind, folder / "bench", side_by_side=self.wanted.towns) as bench:
                for names in self.wanted.names:
                    self.crash_points(bench, names)
                self.mutants(bench)
                self.further(bench)
                self.kills += bench.kills
                self.orders += bench.stories
        if self.wanted.orders:
            self.storm(kind, folder)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--orders", type=int, default=1000, help="orders of the random chaos; 0: none")
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument(
        "--names", nargs="+", type=int, default=[1, 5], help="names per order at the crash points"
    )
    parser.add_argument("--stride", type=int, default=1, help="try every n-th point only")
    parser.add_argument("--towns", type=int, default=6, help="stories side by side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--storm-only", action="store_true")
    return parser.parse_args()


def main() -> int:
    # Whoever ends us ends what we started.
    signal.signal(signal.SIGTERM, lambda *_ignored: sys.exit(1))
    suite = Suite(arguments())
    for name in suite.wanted.databases:
        folder = Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp"))
        folder.chmod(0o755)
        try:
            suite.run(DATABASES[name], folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    suite.say("\n" + "\n".join(suite.lines))
    for line in suite.red:
        suite.say(f"RED: {line}")
    suite.say(
        f"{suite.points} crash points, {suite.tries} times struck, {suite.orders} orders, {suite.kills} kills"
    )
    suite.say(", ".join(f"{word} {suite.ended[word]}" for word in WORDS))
    return 1 if suite.red or suite.ended.total() else 0


if __name__ == "__main__":
    sys.exit(main())
