"""A program the town runs beside itself: found, started, logged, stopped, never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 5.0


class ProgramMissing(Exception):
    """A program the town needs is not installed; the text says what to do."""


class ProgramFailed(Exception):
    """A program ended, or did not answer, while the town waited for it; the text names its log."""


def find_program(name: str, bin_dir: Path) -> Path:
    """Where `name` is: on PATH, else in `bin_dir` or its usual places below; raises ProgramMissing."""
    on_path = shutil.which(name)
    if on_path:
        return Path(on_path)
    for folder in (bin_dir, bin_dir / "usr" / "bin"):
        candidate = folder / name
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    raise ProgramMissing(
        f"The program {name!r} is not installed: neither on PATH nor in {bin_dir}. "
        "On Debian or Ubuntu: apt-get install pebble."
    )


def die_with_parent() -> None:
    """In the child: ask the kernel for SIGTERM when the town dies, even by SIGKILL (Linux only)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Program:
    """One child process with its log file."""

    def __init__(self, command: Sequence[str], log: Path, environ: Mapping[str, str]) -> None:
        self.command = list(command)
        self.log = log
        self.environ = dict(environ)
        self.process: asyncio.subprocess.Process | None = None

    @property
    def name(self) -> str:
        """The program's name, for messages."""
        return Path(self.command[0]).name

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self.process is not None and self.process.returncode is None

    async def start(self) -> None:
        """Start the process; its output is appended to the log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environ,
                # Its own session: Ctrl-C reaches the town alone, which then stops the parts in order.
                start_new_session=True,
                preexec_fn=die_with_parent if sys.platform == "linux" else None,
            )

    async def stop(self) -> None:
        """End the process: SIGTERM, and SIGKILL if it has not gone after STOP_SECONDS."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End the process at once; for one that hangs."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    def failed(self, what: str) -> ProgramFailed:
        """The error to raise when this program did not do `what`."""
        return ProgramFailed(f"{self.name} {what}; its log is {self.log}.")
