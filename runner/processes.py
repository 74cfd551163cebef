"""Child processes that are started together and stopped together, each with its own log file."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path


class DiedEarly(Exception):
    """A process ended before it was ready; the message holds the end of its log."""


class Processes:
    def __init__(self, log_dir: Path) -> None:
        self.log_dir = log_dir
        log_dir.mkdir(parents=True, exist_ok=True)
        self.running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str, command: list[str], env: dict[str, str], cwd: Path) -> subprocess.Popen[bytes]:
        """Start a process in its own group, so that Ctrl-C reaches it through us and in our order."""
        with (self.log_dir / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own commands
                command,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running.append((name, process))
        return process

    def check(self) -> None:
        """Raise DiedEarly if any of them has ended."""
        for name, process in self.running:
            if process.poll() is not None:
                raise DiedEarly(f"{name} ended with {process.returncode}:\n{self.tail(name)}")

    def tail(self, name: str, lines: int = 15) -> str:
        path = self.log_dir / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    def stop(self, patience: float = 12.0) -> None:
        """Ask each to end, the last started first; after `patience` seconds, insist."""
        for _name, process in reversed(self.running):
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + patience
        for _name, process in reversed(self.running):
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait(5)
        self.running.clear()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
