"""2. One order on an idle system, from due to issued, beside what other ACME clients take for one certificate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import issuing
from benchmarks.line import Line, median, spread_of
from benchmarks.peers import CLIENTS
from benchmarks.scale import Scale
from benchmarks.stage import Stage, stage
from runner.installation import ROOT

TARGETS = {"uacme": 1.0, "certbot": 0.1, "dehydrated": 0.05}
REST = 1.0


class Peers:
    """The other clients, in a process of their own; `missing` says why one cannot be measured."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.taken: dict[str, list[float]] = {}
        self.missing: dict[str, str] = {}

    def issue(self, client: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{client} n{uuid.uuid4().hex[:10]}.peer.example\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "seconds" in answer:
            self.taken.setdefault(client, []).append(answer["seconds"])
        else:
            self.missing[client] = " ".join(str(answer["error"]).split())


@contextmanager
def peers(here: Stage) -> Iterator[Peers]:
    own = ["unshare", "--mount"] if os.geteuid() == 0 else []
    words = [here.ca.directory_url, str(here.roots_file), str(here.folder / "peers")]
    process = subprocess.Popen(
        [*own, sys.executable, "-m", "benchmarks.peers", *words],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield Peers(process)
    finally:
        process.communicate(timeout=90)


def measure(scale: Scale) -> Line:
    ours: list[float] = []
    with stage() as here:
        here.start_workers()
        here.start_beat()
        issuing.warm_up(here)
        with peers(here) as others:
            for _round in scale.paced():
                time.sleep(REST)
                ours += issuing.issue(here, 1).latencies
                for client in CLIENTS:
                    time.sleep(REST)
                    ours += issuing.issue(here, 1).latencies
                    others.issue(client)
    return _line(ours, others)


def _line(ours: list[float], others: Peers) -> Line:
    mine = median(ours)
    ratios = {client: mine / median(taken) for client, taken in others.taken.items()}
    held = [ratios[client] <= TARGETS[client] for client in ratios]
    return Line(
        "latency",
        f"{mine * 1000:.0f} ms",
        ", ".join(f"{client} {median(taken) * 1000:.0f} ms" for client, taken in others.taken.items()),
        ", ".join(f"{ratio:.2f} {client}" for client, ratio in ratios.items()),
        ", ".join(f"<= {most} {client}" for client, most in TARGETS.items()),
        all(held) if held else None,
        spread_of([value * 1000 for value in ours], 0) + " ms",
        [f"{client} could not be measured: {why}" for client, why in others.missing.items()],
    )
