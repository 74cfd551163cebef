"""`python -m tests.chaos`: every crash point with every fault on both databases, the mutants, and random chaos.

The last lines are the counts. The exit status is 0 only if nothing was lost, doubled or stuck and every mutant was caught.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos import further, interrupting, storm
from tests.chaos.bases import POSTGRES, SQLITE
from tests.chaos.catching import caught
from tests.chaos.matrix import WORDS, Bench, Outcome, distinct, running_bench, try_all
from tests.chaos.points import KINDS, MUTANTS
from tests.chaos.tally import Tally

DATABASES = {"sqlite": SQLITE, "postgres": POSTGRES}
FEWEST_KILLS = 40
SLOWEST = 3.0
# Half of the authorizations; a proof that the CA forgot, or whose answer was lost, is made anew.
LEAST_REUSE = 0.4
SHORTEST_PAUSE = 0.7
# A storm that takes so many times as long as it may is stuck.
LONGEST = 3
SAID = {
    "kill": "SIGKILL before and after", "zombie": "SIGSTOP past the lease, SIGCONT", "lost": "request or reply lost",
    "exception": "exception before and after",
}  # fmt: skip


class Suite:
    """What was tried so far; the table is printed at the end."""

    def __init__(self, wanted: argparse.Namespace) -> None:
        self.wanted = wanted
        self.began = time.monotonic()
        self.lines: list[str] = []
        self.tallies: list[Tally] = []
        self.red: list[str] = []

    def say(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def conclude(self, line: str) -> None:
        self.lines.append(line)
        self.say(line)

    def crash_points(self, bench: Bench, names: int) -> None:
        began = time.monotonic()
        points = distinct(bench.record(names))[:: self.wanted.stride]
        tallies = {kind: Tally(bench.base.kind, str(names), SAID[kind]) for kind in self.wanted.kinds}

        def heard(outcome: Outcome) -> None:
            tallies[outcome.kind].add(outcome.faults, reached=outcome.reached)
            if outcome.faults:
                self.say(f"    {outcome}")

        try_all(bench, points, self.wanted.kinds, names, heard=heard)
        self.tallies += tallies.values()
        if self.wanted.stride == 1:
            self.red += [tally.too_few for tally in tallies.values() if tally.too_few]
        tried = sum(tally.tried for tally in tallies.values())
        self.say(
            f"{bench.base.kind}, {names} name(s): {len(points)} points struck in {len(tallies)} ways, {tried} in all, "
            f"in {time.monotonic() - began:.0f} s"
        )

    def mutants(self, bench: Bench) -> None:
        for mutant in MUTANTS:
            outcome = caught(bench, mutant)
            if outcome is None:
                self.red.append(f"{bench.base.kind}: the mutant '{mutant}' survived")
                self.conclude(f"{bench.base.kind}, mutant '{mutant}': SURVIVED")
            else:
                found = f"{outcome.kind} {outcome.point}: {outcome.faults[0][:80]}"
                self.conclude(f"{bench.base.kind}, mutant '{mutant}': caught, {found}")

    def further(self, kind: str, trials: list[further.Trial]) -> None:
        for trial in trials:
            tally = Tally(kind, "1", trial.name)
            tally.add(trial.faults, tried=trial.stories)
            self.tallies.append(tally)
            self.say(f"{kind}, {trial}")
            for fault in trial.faults:
                self.say(f"    {fault}")

    def bad_weather(self, kind: str, folder: Path) -> None:
        orders = self.wanted.orders
        calm = self.weather(kind, "undisturbed", folder / "calm", 0.0)
        every = max(SHORTEST_PAUSE, self.wanted.pace * calm.seconds / FEWEST_KILLS)
        rough = self.weather(kind, "random chaos", folder / "storm", every, calm.seconds * SLOWEST * LONGEST)
        ratio = rough.seconds / calm.seconds
        self.conclude(f"{kind}, undisturbed: {calm}")
        self.conclude(f"{kind}, random chaos: {rough}: {ratio:.1f} times the undisturbed run; {rough.counts}")
        if orders >= 1000:
            if rough.kills.total() < FEWEST_KILLS:
                self.red.append(f"{kind}: only {rough.kills.total()} kills")
            self.red += [
                f"{kind}: only {one.reused} of {one.given} authorizations reused"
                for one in (calm, rough)
                if one.reuse < LEAST_REUSE and not one.other["times the CA started anew"]
            ]
            if ratio > SLOWEST:
                self.red.append(
                    f"{kind}: {ratio:.1f} times the undisturbed run, at most {SLOWEST:.0f} are allowed"
                )

    def weather(
        self, kind: str, name: str, folder: Path, every: float, patience: float = storm.PATIENCE
    ) -> storm.Report:
        report = storm.run(
            kind,
            folder,
            self.wanted.orders,
            every=every,
            seed=self.wanted.seed,
            patience=max(300.0, patience),
        )
        self.say(f"{kind}, {name}: {report}")
        for fault in report.faults:
            self.say(f"    {fault}")
        tally = Tally(kind, "1", f"{report.orders} orders, {report.kills.total()} kills")
        tally.add(report.faults, tried=report.orders)
        self.tallies.append(tally)
        return report

    def run(self, kind: str, folder: Path) -> None:
        if not self.wanted.storm_only:
            with running_bench(kind, folder / "bench", side_by_side=self.wanted.towns) as bench:
                for names in self.wanted.names:
                    self.crash_points(bench, names)
                self.mutants(bench)
                self.further(kind, further.all_of(bench, distinct(bench.record(1))))
            self.further(kind, interrupting.all_of(kind, folder / "interrupted"))
        if self.wanted.orders:
            self.bad_weather(kind, folder)

    def end(self) -> int:
        for line in self.lines:
            self.say(line)
        for tally in self.tallies:
            if tally.missed > tally.tried // 20:
                self.red.append(f"{tally.struck_by}: {tally.missed} points were not reached")
        self.say(f"\n{Tally.table(self.tallies)}\n")
        for line in self.red:
            self.say(f"RED: {line}")
        ended = {word: sum(tally.ended[word] for tally in self.tallies) for word in WORDS}
        minutes = (time.monotonic() - self.began) / 60
        self.say(f"{sum(tally.tried for tally in self.tallies)} tries in {minutes:.0f} minutes")
        self.say(", ".join(f"{word} {times}" for word, times in ended.items()))
        return 1 if self.red or any(ended.values()) else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--orders", type=int, default=1000, help="orders of the random chaos; 0: none")
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument(
        "--names", nargs="+", type=int, default=[1, 5], help="names per order at the crash points"
    )
    parser.add_argument("--stride", type=int, default=1, help="try every n-th point only")
    parser.add_argument("--towns", type=int, default=4 * (os.cpu_count() or 1), help="stories side by side")
    parser.add_argument("--pace", type=float, default=1.2, help="when 40 kills are over, in undisturbed runs")
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
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
