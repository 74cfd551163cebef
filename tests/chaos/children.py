"""The tests' side of the nursery: start a job in a forked worker, wait until it stops or ends, read its result."""

from __future__ import annotations

import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from runner.installation import ROOT

START_SECONDS = 60.0


class NoChild(Exception):
    """The nursery, or a child of it, did not do what was asked; the message holds the end of its log."""


class Child:
    """One forked worker. `wait` returns "stopped", or "ended" with the exit code in `status` (-9: SIGKILL)."""

    def __init__(self, pid: int, result: Path, log: Path) -> None:
        self.pid, self.result_path, self.log = pid, result, log
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self.status: int | None = None

    def wait(self, seconds: float) -> str:
        try:
            told = self.events.get(timeout=seconds)
        except queue.Empty:
            return "running"
        if told["event"] == "ended":
            self.status = told["status"]
        return str(told["event"])

    def signal(self, number: int) -> None:
        if self.status is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def end(self) -> None:
        """SIGKILL works on what stands still, too."""
        self.signal(signal.SIGKILL)
        while self.status is None and self.wait(10) != "running":
            pass

    def result(self) -> dict[str, Any]:
        if not self.result_path.exists():
            raise NoChild(
                f"no result (status {self.status}):\n{self.log.read_text(errors='replace')[-3000:]}"
            )
        return dict(json.loads(self.result_path.read_text()))


class Nursery:
    """Safe to use from several threads."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.numbers = itertools.count(1)
        self.lock = threading.Lock()
        self.jobs: dict[int, queue.Queue[Child]] = {}
        self.children: dict[int, Child] = {}
        self.ready = threading.Event()
        with (folder / "nursery.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.nursery"], env=env, cwd=ROOT, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        threading.Thread(target=self._listen, daemon=True).start()
        if not self.ready.wait(START_SECONDS):
            self.stop()
            raise NoChild((folder / "nursery.log").read_text(errors="replace")[-3000:])

    def _listen(self) -> None:
        if self.process.stdout is None:
            return
        for line in self.process.stdout:
            told = json.loads(line)
            if told["event"] == "ready":
                self.ready.set()
            elif told["event"] == "forked":
                number = told["job"]
                child = Child(told["pid"], self.folder / f"{number}.json", self.folder / f"{number % 16}.log")
                self.children[child.pid] = child
                self.jobs.pop(number).put(child)
            else:
                child = self.children[told["pid"]]
                if told["event"] == "ended":
                    del self.children[told["pid"]]
                child.events.put(told)

    def _say(self, line: dict[str, Any]) -> None:
        with self.lock:
            if self.process.stdin is None:
                raise NoChild("the nursery has no ear")
            self.process.stdin.write(json.dumps(line).encode() + b"\n")
            self.process.stdin.flush()

    def learn(self, modules: list[str]) -> None:
        """Have the nursery load what a first child had to load by itself."""
        self._say({"learn": modules})

    def start(self, task: str, town: dict[str, Any], **job: Any) -> Child:
        number = next(self.numbers)
        answer: queue.Queue[Child] = queue.Queue()
        self.jobs[number] = answer
        line = {
            "number": number, "task": task, "town": town, "result": str(self.folder / f"{number}.json"),
            "log": str(self.folder / f"{number % 16}.log"), **job,
        }  # fmt: skip
        self._say(line)
        return answer.get(timeout=START_SECONDS)

    def do(self, task: str, town: dict[str, Any], *, seconds: float = 120.0, **job: Any) -> dict[str, Any]:
        """Have a job done to its end and return its result. Raises NoChild."""
        child = self.start(task, town, **job)
        if child.wait(seconds) != "ended":
            child.end()
            raise NoChild(f"{task} does not end:\n{child.log.read_text(errors='replace')[-3000:]}")
        return child.result()

    def stop(self) -> None:
        for child in list(self.children.values()):
            child.end()
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
