"""`make bench`: the eight benchmarks, each in a process of its own; `python -m benchmarks <name>` runs one.

A line each: name, ours, the peer or limit measured in the same run, their ratio, the target, the spread. Exits 1 when a
target was missed. `--orders`, `--rounds` ... change how much is done; `--tiny` only shows that it runs.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import fields, replace
from datetime import UTC, datetime

from benchmarks.line import Line
from benchmarks.scale import TINY, Scale
from benchmarks.stage import CaLockedUp
from runner.installation import ROOT

EIGHT = ("throughput", "latency", "economy", "rsa", "duescan", "crowd", "pages", "memory")
# Ours alone, against a time rather than a peer: what a customer feels.
OTHERS = ("walk", "survey")
SECONDS_EACH = 420
NOT_MEASURED = "not measured"
# An exit status (EX_TEMPFAIL): worth another try.
CA_LOCKED_UP = 75
TRIES = 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[*EIGHT, *OTHERS, []], help="which; all eight if none is given"
    )
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    for field in fields(Scale):
        parser.add_argument(f"--{field.name}", type=type(field.default), default=None)
    given = parser.parse_args()
    scale = TINY if given.tiny else Scale()
    wanted = {f.name: getattr(given, f.name) for f in fields(Scale) if getattr(given, f.name) is not None}
    scale = replace(scale, **wanted)
    if given.json:
        return measure(given.names[0], scale)
    return report(given.names or list(EIGHT), scale)


def report(names: list[str], scale: Scale) -> int:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if os.getloadavg()[0] > 0.3 * (os.cpu_count() or 1):
        print(
            "This machine is busy: the ratios hold, the figures themselves will be worse than they could be."
        )
    missed = 0
    for name in names:
        started = time.monotonic()
        if name in OTHERS:
            missed += importlib.import_module(f"benchmarks.{name}").main()
            continue
        line = run(name, scale)
        print(line.text(), f"· {time.monotonic() - started:.0f} s", flush=True)
        for note in line.notes:
            print(f"{'':<20}{note}", flush=True)
        missed += line.ok is False
    return 1 if missed else 0


def measure(name: str, scale: Scale) -> int:
    """Measure in this very process, and print the line as JSON."""
    try:
        line: Line = importlib.import_module(f"benchmarks.{name}").measure(scale)
    except CaLockedUp:
        traceback.print_exc()
        return CA_LOCKED_UP
    print(line.as_json(), flush=True)
    return 0


def run(name: str, scale: Scale) -> Line:
    """Run one in its own process: what it sets up, and what breaks in it, touches no other. A CA that locks up is started anew."""
    stopped: list[str] = []
    for _try in range(TRIES):
        line, ended = _run_once(name, scale)
        if ended != CA_LOCKED_UP:
            break
        stopped += line.notes[-1:]
    if line.ours != NOT_MEASURED:
        line.notes += [f"in an earlier try the CA stopped: {why.strip()}" for why in stopped]
    return line


def _run_once(name: str, scale: Scale) -> tuple[Line, int | None]:
    """Return what was measured, and the exit status."""
    words = [word for f in fields(scale) for word in (f"--{f.name}", str(getattr(scale, f.name)))]
    command = [sys.executable, "-m", "benchmarks", name, "--json", *words]
    # The errors go to a file: a pipe that nobody empties would stop a benchmark that has much to say.
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            out = process.communicate(timeout=SECONDS_EACH)[0]
            return Line.from_json(out.strip().splitlines()[-1]), 0
        except subprocess.TimeoutExpired:
            why = [f"not done after {SECONDS_EACH} s"]
        except (IndexError, ValueError, TypeError):
            errors.seek(0)
            why = errors.read().strip().splitlines()[-12:]
        finally:
            _end(process)
    return Line(name, NOT_MEASURED, "", "-", "", False, "", why), process.returncode


def _end(process: subprocess.Popen[str]) -> None:
    """Have it end its own servers before it ends."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _told_to_stop(number: int, frame: object) -> None:
    """Unwind, so that every server that was started is ended too."""
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _told_to_stop)
    sys.exit(main())
