"""One installation: its directory, its ports, its processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from runner.processes import Processes

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 60


class PortBusy(Exception):
    """The message names the port and the variable that moves it."""


class Installation:
    """Starts sandbox, portal and worker; `env` is what each of them sees.

    With `free_ports` everything listens where nothing else does, so that several may run on one machine.
    """

    def __init__(
        self, var_dir: Path, *, free_ports: bool = False, extra_env: dict[str, str] | None = None
    ) -> None:
        self.var_dir = var_dir
        self.free_ports = free_ports
        self.extra_env = extra_env or {}
        self.processes = Processes(var_dir / "log")
        self.portal_port = 0
        self.env: dict[str, str] = {}

    @property
    def portal_url(self) -> str:
        """Where browsers find it, once the sandbox has said at which port."""
        # By name: browsers refuse passkeys on an IP address.
        return f"http://localhost:{self.portal_port}"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self.start_sandbox()
        self.prepare()
        self.start_portal()

    def start_sandbox(self) -> None:
        ready = self.var_dir / "sandbox-ready.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "sandbox", "--var", str(self.var_dir), "--ready-file", str(ready)]
        if self.free_ports:
            command.append("--free-ports")
        env = {**os.environ, **self.extra_env}
        for elsewhere in ("PORTAL_URL", "STRIPE_WEBHOOK_URL"):
            env.pop(elsewhere, None)
        self.processes.start("sandbox", command, env, ROOT)
        self.wait(ready.exists)
        told = json.loads(ready.read_text(encoding="utf-8"))
        self.portal_port = int(told["SANDBOX_PORTAL_PORT"])
        _must_be_free(self.portal_port, "SANDBOX_PORTAL_PORT")
        self.env = {
            **os.environ,
            "VAR_DIR": str(self.var_dir),
            "PYTHONUNBUFFERED": "1",
            **told,
            **self.extra_env,
        }

    def prepare(self) -> None:
        """Bring the database and the static files up to date, and fill an empty catalogue."""
        self.manage("migrate", "--verbosity", "0")
        self.manage("collectstatic", "--noinput", "--verbosity", "0")
        self.manage("seed_sandbox")

    def manage(self, *words: str) -> None:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "manage.py", *words],
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"manage.py {words[0]} failed:\n{done.stderr[-3000:]}")

    def start_portal(self) -> None:
        self.start_web()
        self.start_worker()
        self.wait(lambda: _answers(f"{self.portal_url}/health/ready"))

    def start_web(self) -> None:
        command = [
            sys.executable, "-m", "gunicorn", "portal.wsgi", "--bind", f"127.0.0.1:{self.portal_port}",
            "--workers", "2", "--threads", "4", "--timeout", "60", "--graceful-timeout", "5", "--no-control-socket",
        ]  # fmt: skip
        self.processes.start("portal", command, self.env, ROOT)

    def start_worker(self, name: str = "worker") -> subprocess.Popen[bytes]:
        command = [
            sys.executable, "-m", "celery", "-A", "portal", "worker", "--loglevel", "INFO",
            "--without-gossip", "--without-mingle", "--hostname", f"{name}@chancery",
        ]  # fmt: skip
        return self.processes.start(name, command, self.env, ROOT)

    def wait(self, ready: object, seconds: float = READY_SECONDS) -> None:
        """Wait until `ready()` is true. Raises DiedEarly when a process ends, TimeoutError when it takes too long."""
        deadline = time.monotonic() + seconds
        while not (callable(ready) and ready()):
            self.processes.check()
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"not ready after {seconds:.0f} seconds; the logs are in {self.processes.log_dir}"
                )
            time.sleep(0.1)

    def stop(self) -> None:
        self.processes.stop()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own http address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _must_be_free(port: int, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as exc:
            raise PortBusy(f"Port {port} is in use. Set {variable} to another port and try again.") from exc
