"""A real CA with the fault proxy before it, and small words to spoil it."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox.faults import misdeeds
from sandbox.faults.catalogue import CATALOGUE
from sandbox.faults.exchange import Reply, Request
from sandbox.faults.plan import Misdeed, Plan, Rule
from sandbox.faults.proxy import Amend, FaultProxy
from tests.contracts.ca import PEBBLE_ENVIRONMENT, CaServer, TestAuthority, _wait_for, running_pebble

CALM = {"PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0", "PEBBLE_WFE_ORDERS_PER_PAGE": "500"}


class SpoiltCa:
    """The CA as the portal sees it. A fault is over as soon as `heal` is called."""

    def __init__(self, proxy: FaultProxy, roots_pem: str) -> None:
        self.proxy = proxy
        self.roots_pem = roots_pem

    @property
    def directory_url(self) -> str:
        return self.proxy.directory_url

    @property
    def asked_for(self) -> Counter[str]:
        return self.proxy.asked

    @property
    def counted(self) -> int:
        return self.asked_for.total() - self.asked_for["directory"] - self.asked_for["newNonce"]

    def spoil(self, *rules: Rule, seed: int = 1) -> Plan:
        self.proxy.plan = Plan(list(rules), seed)
        return self.proxy.plan

    def heal(self) -> None:
        self.spoil()
        self.proxy.memory.clear()

    @property
    def strikes(self) -> int:
        return sum(self.proxy.plan.count(name) for name in {rule.name for rule in self.proxy.plan.rules})


def strike(name: str, misdeed: Misdeed, *kinds: str, **more: object) -> Rule:
    return Rule(name, misdeed, frozenset(kinds), **more)


def known(name: str, **changes: object) -> Rule:
    """The catalogue's rule of this name, as it is or changed."""
    return replace(CATALOGUE[name].rules[0], **changes)


def lasting(request: Request, reply: Reply) -> Reply:
    """For a clock that jumps: Pebble's authorizations would lapse after an hour of its own time."""
    if "expires" not in reply.document:
        return reply
    expires = datetime.now(UTC) + timedelta(days=30)
    return reply.saying(expires=expires.isoformat(timespec="seconds").replace("+00:00", "Z"))


@contextmanager
def before(
    server: CaServer, folder: Path, restart: object = None, amend: Amend = lasting
) -> Iterator[SpoiltCa]:
    """Put the proxy before a CA that runs."""
    authority = TestAuthority("The proxy's own TLS")
    roots = folder / "upstream.pem"
    roots.write_text(server.roots_pem)
    pair = authority.write_server_pair(folder)
    extra = {"restart": restart} if restart else {}
    proxy = FaultProxy(server.directory_url, roots, pair, Plan(), amend=amend, **extra)
    try:
        yield SpoiltCa(proxy, authority.pem)
    finally:
        proxy.stop()


class Restarts:
    """Ends Pebble and starts it on the same port, without anything it knew."""

    def __init__(self, server: CaServer, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.process = server.process

    def __call__(self) -> None:
        self.end()
        environment = os.environ | PEBBLE_ENVIRONMENT | CALM
        with (self.folder / "again.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.server.process.args, cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        _wait_for(self.server.directory_url, self.server.roots_pem, self.process)

    def end(self) -> None:
        self.process.kill()
        self.process.wait(5)


@contextmanager
def spoilt_pebble(folder: Path) -> Iterator[SpoiltCa]:
    with running_pebble(folder, environment=CALM, blocked=["blocked.example"]) as server:
        restarts = Restarts(server, folder)
        own = folder / "proxy"
        own.mkdir()
        try:
            with before(server, own, restarts) as spoilt:
                yield spoilt
        finally:
            restarts.end()


def pause_for_pebble() -> None:
    """Pebble can deadlock when an order is polled while it is being finalized: clocks may jump, it may not."""
    time.sleep(0.2)


__all__ = ["Rule", "SpoiltCa", "before", "known", "misdeeds", "spoilt_pebble", "strike"]
