"""A whole town in a process of its own, on free ports, for tests that need the world."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 40.0
STOP_SECONDS = 20.0


@dataclass
class RunningTown:
    """A town that answers; `env` is what a portal in it needs, and the SANDBOX_* addresses."""

    env: dict[str, str]
    process: subprocess.Popen[str]

    @property
    def panel(self) -> str:
        return self.env["HOSTING_PANEL_URL"]

    def port(self, name: str) -> int:
        return int(self.env[f"SANDBOX_{name.upper()}_PORT"])

    def stop(self) -> tuple[int, str]:
        """End it as a person would; exit status and what it printed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        output, _ = self.process.communicate(timeout=STOP_SECONDS)
        return self.process.returncode, output


def launch(var_dir: Path, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    """Start `python -m sandbox`; variables of the developer's own town do not reach it."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("SANDBOX_", "STRIPE_", "PORTAL_"))
    }
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--var", str(var_dir), *arguments],
        cwd=ROOT,
        env={**kept, "PYTHONUNBUFFERED": "1", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def running_town(var_dir: Path, **environ: str) -> Iterator[RunningTown]:
    """A town with its state under `var_dir`; `environ` is added to its environment."""
    var_dir.mkdir(parents=True, exist_ok=True)
    ready = var_dir / "ready.json"
    ready.unlink(missing_ok=True)
    process = launch(var_dir, "--free-ports", "--ready-file", str(ready), **environ)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise AssertionError(f"the town did not start: {process.communicate()[0]}")
            time.sleep(0.05)
        town = RunningTown(json.loads(ready.read_text()), process)
        yield town
        town.stop()
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
