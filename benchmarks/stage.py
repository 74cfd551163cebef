"""The stage of a benchmark: PostgreSQL, Redis, Pebble, the customers' DNS and mailboxes, and our own processes."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks import cost
from runner.installation import ROOT
from runner.processes import Processes
from sandbox.free_ports import free_port
from sandbox.pulse import Pulse
from tests.contracts.ca import CaServer, running_pebble
from tests.servers import running_postgres, running_redis

# Pebble without its pretended slowness and mischief: it signs as fast as it can.
PEBBLE = {
    "PEBBLE_VA_NOSLEEP": "1",
    "PEBBLE_VA_ALWAYS_VALID": "1",
    "PEBBLE_WFE_NONCEREJECT": "0",
    "PEBBLE_AUTHZREUSE": "0",
}
WORKERS = 2
NOT_INSTALLED = ROOT / "benchmarks" / "not_installed"
# Longer than any request takes that it answers at all.
CA_SECONDS = 20.0


class TooSlow(Exception):
    """What was waited for did not happen; the message holds the ends of the logs."""


class CaLockedUp(TooSlow):
    """The CA has stopped by itself (letsencrypt/pebble#554), or the bare loop, which speaks to nobody but it, broke off.

    Nothing was measured, and nothing of ours is at fault.
    """


class Stage:
    """`env` is what each of our processes sees."""

    def __init__(self, folder: Path, ca: CaServer, env: dict[str, str]) -> None:
        self.folder, self.ca, self.env = folder, ca, env
        self.processes = Processes(folder / "log")
        self.worker_pids: list[int] = []

    @property
    def roots_file(self) -> Path:
        return self.folder / "roots.pem"

    def publish(self, name: str) -> None:
        """Let the record of a `late…` name appear in the customers' DNS."""
        (self.folder / "published" / name).touch()

    def enter(self) -> None:
        """Let this very process speak to the stage's database."""
        import django

        os.environ.update(self.env)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
        django.setup()

    def manage(self, *words: str) -> None:
        done = subprocess.run(
            [sys.executable, "manage.py", *words], env=self.env, cwd=ROOT, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise RuntimeError(f"manage.py {words[0]} failed:\n{done.stderr[-3000:]}")

    def start_workers(self, count: int = WORKERS) -> None:
        for number in range(count):
            command = [
                sys.executable, "-m", "celery", "-A", "portal", "worker", "--loglevel", "INFO",
                "--without-gossip", "--without-mingle", "--hostname", f"worker{number}@bench",
            ]  # fmt: skip
            self.worker_pids.append(self.processes.start(f"worker{number}", command, self.env, ROOT).pid)

    def start_beat(self) -> int:
        command = [sys.executable, "-m", "celery", "-A", "portal", "beat", "--loglevel", "INFO"]
        return self.processes.start("beat", command, self.env, ROOT).pid

    def start_web(self, module: str = "portal.wsgi", threads: int = 4) -> tuple[int, str]:
        """Start gunicorn with two workers; return its pid and address."""
        port = free_port()
        command = [
            sys.executable, "-m", "gunicorn", module, "--bind", f"127.0.0.1:{port}", "--workers", "2",
            "--threads", str(threads), "--timeout", "60", "--no-control-socket",
        ]  # fmt: skip
        pid = self.processes.start(f"web{port}", command, self.env, ROOT).pid
        return pid, f"http://localhost:{port}"

    def workers_cpu(self) -> float:
        return cost.cpu_seconds(self.worker_pids)

    def wait(self, done: Callable[[], bool], seconds: float, pause: float = 0.05) -> None:
        """Raises TooSlow, CaLockedUp, DiedEarly."""
        end = time.monotonic() + seconds
        while not done():
            self.processes.check()
            if time.monotonic() > end:
                tails = "\n".join(self.processes.tail(name) for name, _process in self.processes.running)
                raise self._too_slow(f"not done after {seconds:.0f} s\n{tails}")
            time.sleep(pause)

    def _too_slow(self, what: str) -> TooSlow:
        """Return CaLockedUp where the CA has stopped by itself."""
        return TooSlow(what) if asyncio.run(self._ca_writes()) else CaLockedUp(what)

    async def _ca_writes(self) -> bool:
        context = ssl.create_default_context(cadata=self.ca.roots_pem)
        async with httpx.AsyncClient(verify=context, timeout=CA_SECONDS) as client:
            pulse = Pulse(client, self.ca.directory_url)
            return await pulse.beats() and await pulse.beats()

    def bare(self, count: int, key_type: str = "ec-p256", processes: int = WORKERS) -> dict[str, float]:
        """Run the bare loop; return {"seconds", "cpu"} of `count` certificates over all its processes."""
        each = max(1, count // processes)
        words = [self.ca.directory_url, str(self.roots_file), str(each), key_type]
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.bare", *words],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for _number in range(processes)
        ]  # fmt: skip
        for process in running:
            assert process.stdout is not None
            process.stdout.readline()
        results = [self._result(process) for process in _told(running)]
        scale = count / (each * processes)
        return {
            "seconds": max(result["seconds"] for result in results) * scale,
            "cpu": sum(result["cpu"] for result in results) * scale,
        }

    def _result(self, process: subprocess.Popen[str]) -> dict[str, float]:
        """What a bare loop measured. Raises CaLockedUp."""
        out, errors = process.communicate(timeout=300)
        if process.returncode != 0:
            raise CaLockedUp(f"a bare loop broke off: {errors.strip().splitlines()[-1:]}")
        result: dict[str, float] = json.loads(out)
        return result


def _told(running: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return running


@contextmanager
def stage(**extra: str) -> Iterator[Stage]:
    """Set up everything but our own workers and web; `extra` goes into the environment of all of ours."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chancery-bench-", dir="/tmp")))
        (folder / "pebble").mkdir()
        (folder / "published").mkdir()
        ca = stack.enter_context(running_pebble(folder / "pebble", environment=PEBBLE))
        (folder / "roots.pem").write_text(ca.roots_pem)
        dns, smtp = free_port(), free_port()
        env = {
            **os.environ,
            "PORTAL_ENV": "sandbox",
            "VAR_DIR": str(folder / "var"),
            "DATABASE_URL": stack.enter_context(running_postgres(folder / "postgres")),
            "REDIS_URL": stack.enter_context(running_redis(folder / "redis")),
            "VALIDATION_NAMESERVERS": f"127.0.0.1:{dns}",
            "EMAIL_PORT": str(smtp),
            "SWEEP_SECONDS": "5",
            # As in production, not in the sandbox's colours.
            "LOG_FORMAT": "json",
            "PLAIN_STATIC": "1",
            "ACME_DIRECTORY_URL": ca.directory_url,
            "ACME_CA_BUNDLE": str(folder / "roots.pem"),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(NOT_INSTALLED),
            **extra,
        }
        here = Stage(folder, ca, env)
        stack.callback(here.processes.stop)
        here.manage("migrate", "--verbosity", "0")
        here.manage("seed_sandbox")
        command = [sys.executable, "-m", "benchmarks.outside", str(dns), str(smtp), str(folder / "published")]
        here.processes.start("outside", command, env, ROOT)
        here.enter()
        stack.callback(_hang_up)
        yield here


def _hang_up() -> None:
    from django.db import connections

    connections.close_all()


def certificates_of(plans: list[Any]) -> int:
    """How many of these plans have their certificate."""
    from certificates.models import Certificate

    return Certificate.objects.filter(plan__in=plans).count()
