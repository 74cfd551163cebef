"""A warm process without a thread or a connection, from which each worker is forked: `python -m tests.chaos.nursery`.

Reads one job a line from its standard input and tells one event a line: forked, stopped, ended.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import django

IDLE_MILLISECONDS = 3000


def prepare() -> None:
    """Load everything that a worker needs, and connect to nothing."""
    django.setup()
    from django.template.loader import get_template
    from django.urls import get_resolver

    from identifiers import suffixes
    from tests.chaos import losing, points, story  # noqa: F401

    suffixes.registrable("www.shop.example")
    suffixes.rate_limit_group("www.shop.example")
    get_resolver().url_patterns  # noqa: B018 - read for its effect
    for name in ("certificate_issued", "order_paid"):
        get_template(f"email/{name}/body.txt")
        get_template(f"email/{name}/subject.txt")
    # A page that the collector writes to is a page that every child must copy.
    gc.collect()
    gc.freeze()


def main() -> int:
    prepare()
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    signal.signal(signal.SIGCHLD, lambda *_ignored: None)
    tell({"event": "ready"})
    rest = b""
    while True:
        found, _write, _errors = select.select([0, readable], [], [])
        if readable in found:
            os.read(readable, 4096)
            reap()
        if 0 in found:
            read = os.read(0, 65536)
            if not read:
                return 0
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                job = json.loads(line)
                if "learn" in job:
                    learn(job["learn"])
                else:
                    fork(job, (readable, writable))


def learn(modules: list[str]) -> None:
    """Load what a first child had to load, so that the next ones find it loaded."""
    for name in modules:
        with suppress(Exception):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


def tell(fact: dict[str, Any]) -> None:
    os.write(1, json.dumps(fact).encode() + b"\n")


def reap() -> None:
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                tell({"event": "stopped", "pid": pid})
            else:
                tell({"event": "ended", "pid": pid, "status": os.waitstatus_to_exitcode(status)})


def fork(job: dict[str, Any], pipes: tuple[int, int]) -> None:
    pid = os.fork()
    if pid:
        tell({"event": "forked", "job": job["number"], "pid": pid})
        return
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for pipe in pipes:
            os.close(pipe)
        child(job)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def child(job: dict[str, Any]) -> None:
    """Do one job in the town that it names."""
    from django.conf import settings
    from django.db import connection

    from tests.chaos import losing, points, tasks
    from tests.chaos.mutants import PATCHES

    town = job["town"]
    connection.settings_dict["NAME"] = town["database"]
    if job.get("kind") == "zombie" and connection.vendor == "postgresql":
        # The server ends what stands still in a transaction, so that its locks hold up nobody else: here it does so
        # sooner than in thirty seconds, and only to whoever will stand still.
        connection.settings_dict["OPTIONS"]["options"] = (
            f"-c idle_in_transaction_session_timeout={IDLE_MILLISECONDS}"
        )
    settings.STRIPE_API_BASE = town["gateway"]
    settings.EMAIL_PORT = town["smtp"]
    settings.VALIDATION_NAMESERVERS = [town["dns"]]
    if job.get("zone"):
        os.environ["TZ"] = job["zone"]
        time.tzset()
    points.install()
    losing.install()
    if job.get("mutant"):
        PATCHES[job["mutant"]]()
    result = tasks.TASKS[job["task"]](job)
    path = Path(job["result"])
    path.with_suffix(".new").write_text(json.dumps(result))
    path.with_suffix(".new").rename(path)


if __name__ == "__main__":
    sys.exit(main())
