"""The programs of one installation, each of which can be killed at any moment and comes back at once."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import psycopg

from runner.installation import ROOT
from tests.servers import program

START_SECONDS = 60.0
STOP_SECONDS = 20.0


class Program:
    """One supervised program in a process group of its own."""

    def __init__(
        self,
        name: str,
        command: list[str],
        log: Path,
        env: Mapping[str, str],
        *,
        port: int = 0,
        user: str | None = None,
    ) -> None:
        self.name, self.command, self.log, self.env = name, command, log, dict(env)
        self.port, self.user = port, user
        self.process: subprocess.Popen[bytes] | None = None
        self.started = self.came_up = 0.0
        self.lives = 0
        # What works on messages or rows touches this file each time it has done so.
        self.sign = log.with_suffix(".sign")
        self.env["CHAOS_SIGN"] = str(self.sign)

    @property
    def kind(self) -> str:
        return self.name.split()[0]

    def start(self) -> None:
        self.started, self.came_up = time.time(), 0.0
        self.lives += 1
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.env, cwd="/tmp" if self.user else ROOT, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, user=self.user,
                group=pwd.getpwnam(self.user).pw_gid if self.user else None, extra_groups=[] if self.user else None,
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL, to the whole group: no handler runs, no file is closed."""
        if self.process is not None and self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def stop(self, number: int) -> None:
        """End it with a signal to its first process, as an administrator does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def keep_up(self) -> None:
        """Start it again when it has ended, as a supervisor does."""
        if self.process is None or self.process.poll() is not None:
            self.start()

    def has_earned_its_keep(self) -> bool:
        """Whether it has been at work for as long as it took to come up. Asked often, or it is found too late."""
        now = time.time()
        if self.lives == 1:
            # Nobody has watched it come up, and it has lost nothing yet.
            return self.has_worked()
        if not self.came_up and self.has_worked():
            self.came_up = now
        return self.came_up > 0.0 and now - self.came_up >= self.came_up - self.started

    def has_worked(self) -> bool:
        """Whether it has done something since it was started last: for whoever waits, its port answers."""
        if not self.port:
            return self.sign.exists() and self.sign.stat().st_mtime > self.started
        if self.name == "web":
            with suppress(OSError), urlopen(f"http://127.0.0.1:{self.port}/health/live", timeout=1) as answer:
                return bool(answer.status == 200)
            return False
        if self.name == "postgres":
            with suppress(psycopg.Error):
                psycopg.connect(
                    f"postgres://chancery@127.0.0.1:{self.port}/chancery", connect_timeout=2
                ).close()
                return True
            return False
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def wait(self) -> None:
        """Until its port answers."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            self.keep_up()
            if self.has_worked():
                return
            time.sleep(0.1)
        raise TimeoutError(f"{self.name}: {self.log.read_text(errors='replace')[-2000:]}")


def web(port: int, folder: Path, env: Mapping[str, str]) -> Program:
    command = [
        sys.executable, "-m", "gunicorn", "portal.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "2",
        "--timeout", "30", "--no-control-socket",
    ]  # fmt: skip
    return Program("web", command, folder / "web.log", env, port=port)


def worker(number: int, folder: Path, env: Mapping[str, str], zone: str = "UTC") -> Program:
    command = [
        sys.executable, "-m", "celery", "-A", "tests.chaos.hasty", "worker", "--loglevel", "WARNING", "--without-gossip",
        "--without-mingle", "--without-heartbeat", "--hostname", f"chaos{number}@chancery",
    ]  # fmt: skip
    return Program(f"worker {number}", command, folder / f"worker{number}.log", {**env, "TZ": zone})


def beat(number: int, folder: Path, env: Mapping[str, str]) -> Program:
    command = [
        sys.executable, "-m", "celery", "-A", "tests.chaos.hasty", "beat", "--loglevel", "WARNING",
        "--schedule", str(folder / f"schedule{number}"), "--pidfile", "",
    ]  # fmt: skip
    return Program(f"beat {number}", command, folder / f"beat{number}.log", env)


def redis(port: int, folder: Path) -> Program:
    command = [
        program("redis-server"),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    return Program("redis", command, folder / "redis.log", os.environ, port=port)


def postgres(port: int, data: Path, user: str | None) -> Program:
    command = [
        program("postgres"), "-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1",
        "-c", f"unix_socket_directories={data.parent}", "-c", "fsync=off", "-c", "max_connections=200",
    ]  # fmt: skip
    return Program("postgres", command, data.parent.parent / "postgres.log", os.environ, port=port, user=user)
