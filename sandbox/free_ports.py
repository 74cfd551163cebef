"""Ports for programs that are told where to listen: given once, and out of every other program's reach until then."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

BLOCK = 50
# Below the range from which systems take ports for outgoing connections (Linux: 32768 and up). Above it a client's
# socket may sit on a port between our choosing it and a program's binding it, at any address (one UDP question is enough).
FREE_RANGE = range(10_000, 32_000)
OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


class NoPortLeft(Exception):
    """Everything in the range is taken or was given."""


class FreePorts:
    """Iterates over ports that nobody uses at any address, over TCP or UDP, each given once.

    Several processes do this at a time: each claims whole blocks, by their `claims`, for as long as it lives.
    Raises NoPortLeft.
    """

    def __init__(self, within: range | None = None, claims: str = "chancery-ports") -> None:
        self._within, self._name = within or usable(OUTGOING), claims
        self._forget()

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if self._owner != os.getpid():
            self._forget()  # forked: the blocks are the parent's
        while True:
            while not self._ports:
                self._claim()
            port = self._ports.pop()
            if unused_everywhere(port):
                return port

    def _forget(self) -> None:
        self._owner = os.getpid()
        self._claims: list[socket.socket] = []
        self._ports: list[int] = []
        self._starts = list(self._within[::BLOCK])
        random.shuffle(self._starts)

    def _claim(self) -> None:
        if not self._starts:
            raise NoPortLeft(f"no port left of {self._within.start} to {self._within.stop - 1}")
        start = self._starts.pop()
        claim = socket.socket(socket.AF_UNIX)
        try:
            # Abstract: known wherever the ports are, and given back when the process ends, however it does.
            claim.bind(f"\0{self._name}-{start}")
        except OSError:
            claim.close()
            return
        self._claims.append(claim)
        self._ports = [port for port in range(start, start + BLOCK) if port in self._within]


def usable(outgoing: Path) -> range:
    """FREE_RANGE without what this system takes for outgoing connections, if that leaves anything."""
    try:
        first = int(outgoing.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return FREE_RANGE
    below = range(FREE_RANGE.start, min(FREE_RANGE.stop, first))
    return below if len(below) >= BLOCK else FREE_RANGE


def unused_everywhere(port: int) -> bool:
    """Whether nobody holds `port` on any IPv4 address, over TCP or UDP."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True


_ports = FreePorts()


def free_port() -> int:
    """The next of this process; raises NoPortLeft."""
    return next(_ports)
