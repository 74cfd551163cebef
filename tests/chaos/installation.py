"""A whole portal with supervised programs, each of which may die at any moment, in one town."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sandbox.free_ports import free_port
from tests.chaos import programs
from tests.chaos.bases import POSTGRES, running_base
from tests.chaos.children import Nursery
from tests.chaos.programs import Program
from tests.chaos.town import Town, running_town
from tests.contracts.ca import PEBBLE_ENVIRONMENT
from tests.servers import _unprivileged

LEASE_SECONDS = 10.0
WATCH_SECONDS, SILENCES = 2.0, 3
ZONES = ("Asia/Tokyo", "America/New_York")
# Of two orders for a name, the second one finds what the first has proved: half of all authorizations are reused.
SMOOTH = {
    "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "100", "PEBBLE_WFE_ORDERS_PER_PAGE": "5000",
}  # fmt: skip
ROUGH = {**SMOOTH, "PEBBLE_WFE_NONCEREJECT": "15"}


class Installation:
    """`nursery` has the processes of customers, `members` the programs that are brought back when they end."""

    def __init__(
        self, kind: str, folder: Path, town: Town, env: dict[str, str], members: list[Program], ca: Mapping[str, str]
    ) -> None:  # fmt: skip
        self.kind, self.folder, self.town, self.env, self.members = kind, folder, town, env, members
        self.ca = ca
        # When the CA was ended to be started anew, in seconds since 1970.
        self.restarts: list[float] = []
        self.replacement: subprocess.Popen[bytes] | None = None
        self.ending = threading.Event()

    @property
    def web(self) -> str:
        return next(f"http://127.0.0.1:{one.port}" for one in self.members if one.name == "web")

    def start(self) -> None:
        self.keep_up()
        for member in self.members:
            if member.port:
                member.wait()
        threading.Thread(target=self.watch_the_ca, daemon=True).start()
        self.nursery = Nursery(self.folder / "children", self.env)

    def keep_up(self) -> None:
        for member in self.members:
            member.keep_up()

    def stop(self) -> None:
        self.ending.set()
        with suppress(AttributeError):
            self.nursery.stop()
        for member in reversed(self.members):
            member.kill()
        if self.replacement is not None:
            self.replacement.kill()
            self.replacement.wait(10)

    def watch_the_ca(self) -> None:
        """Debian's Pebble can lock up for good (letsencrypt/pebble#554): start it anew; it then knows nobody any more."""
        silences = 0
        while not self.ending.wait(WATCH_SECONDS):
            silences = 0 if self.ca_answers() else silences + 1
            if silences >= SILENCES:
                self.replace_the_ca()
                silences = 0

    def ca_answers(self) -> bool:
        context = ssl.create_default_context(cadata=self.town.ca.roots_pem)
        with (
            suppress(OSError),
            urllib.request.urlopen(self.town.ca.directory_url, timeout=3, context=context) as answer,
        ):
            return bool(answer.status == 200)
        return False

    def replace_the_ca(self) -> None:
        old = self.replacement or self.town.ca.process
        with suppress(ProcessLookupError):
            old.send_signal(signal.SIGKILL)
        old.wait(10)
        self.restarts.append(time.time())
        home = self.town.folder / "pebble"
        env = os.environ | PEBBLE_ENVIRONMENT | dict(self.ca)
        with (home / "output.log").open("ab") as log:
            self.replacement = subprocess.Popen(
                self.town.ca.process.args, cwd=home, env=env, stdout=log, stderr=log
            )


@contextmanager
def running_installation(
    kind: str, folder: Path, ca: Mapping[str, str], workers: int = 2
) -> Iterator[Installation]:
    """Everything that a portal consists of, started and answering; one worker lives in Tokyo and one in New York."""
    folder.mkdir(parents=True, exist_ok=True)
    members: list[Program] = []
    with running_base(kind, folder / "base") as base:
        env = dict(base.env)
    with ExitStack() as stack:
        if kind == POSTGRES:
            data, port, broker = folder / "base" / "postgres" / "data", free_port(), free_port()
            url = f"postgres://chancery@127.0.0.1:{port}/chancery"
            env |= {"DATABASE_URL": url, "REDIS_URL": f"redis://127.0.0.1:{broker}/0"}
            members += [
                programs.postgres(port, data, _unprivileged(data.parent)),
                programs.redis(broker, folder),
            ]
            database, records = "chancery", url
        else:
            database = records = str(folder / "base" / "var" / "portal.sqlite3")
        town = stack.enter_context(running_town(folder / "town", records, ca))
        town.database = database
        env |= {
            "STRIPE_API_BASE": town.gateway.url, "EMAIL_PORT": str(town.mailbox.controller.port),
            "VALIDATION_NAMESERVERS": f"127.0.0.1:{town.records.port}", "CHAOS_LEASE_SECONDS": str(LEASE_SECONDS),
        }  # fmt: skip
        for number in range(workers):
            members.append(programs.worker(number, folder, env, ZONES[number % len(ZONES)]))
        # Two beats: whoever follows the first message of a pair finds nothing to do.
        members += [programs.beat(1, folder, env), programs.beat(2, folder, env)]
        members.append(programs.web(free_port(), folder, env))
        installation = Installation(kind, folder, town, env, members, ca)
        stack.callback(installation.stop)
        installation.start()
        yield installation
