"""The addresses of the pretend outside world: one port per part, each movable by a variable."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from sandbox.free_ports import free_port


class PortBusy(Exception):
    """A port is taken by another program; the text says which one and what moves it."""


class PortUnreadable(Exception):
    """A SANDBOX_*_PORT variable holds something that is not a port number."""


@dataclass(frozen=True)
class Ports:
    """TCP ports on the listening address; `dns`, and `names` behind it, over UDP too."""

    portal: int = 8000
    panel: int = 8100
    cards: int = 8200
    mailbox: int = 8300
    smtp: int = 8025
    acme: int = 14000
    acme_management: int = 15000
    faults: int = 14001
    dns: int = 8053
    names: int = 8054
    dns_management: int = 8055
    http: int = 5002
    tls: int = 5001

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, free: bool = False) -> Ports:
        """Ports as the variables say; the others are the defaults or, with `free`, unused ones.

        Raises PortUnreadable.
        """
        named = {field.name: read_port(environ, field.name) for field in fields(cls)}
        chosen = {name: port for name, port in named.items() if port is not None}
        ports = replace(cls(), **chosen)
        if not free:
            return ports
        unused = (port for port in iter(free_port, None) if port not in chosen.values())
        return replace(ports, **{name: next(unused) for name in named if name not in chosen})

    def variables(self) -> dict[str, str]:
        """The same ports as SANDBOX_*_PORT variables."""
        return {variable(field.name): str(getattr(self, field.name)) for field in fields(self)}


def variable(name: str) -> str:
    """The environment variable that moves the port called `name`."""
    return f"SANDBOX_{name.upper()}_PORT"


def read_port(environ: Mapping[str, str], name: str) -> int | None:
    """The port number given for `name`, None when the variable is unset or empty; raises PortUnreadable."""
    text = environ.get(variable(name), "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise PortUnreadable(f"{variable(name)} is {text!r}, which is not a port number from 1 to 65535.")
    return int(text)


def is_free(address: str, port: int, *, udp: bool = False) -> bool:
    """Whether `port` can be bound on `address`, over TCP and, if asked, UDP."""
    kinds = [socket.SOCK_STREAM, socket.SOCK_DGRAM] if udp else [socket.SOCK_STREAM]
    for kind in kinds:
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def busy(name: str, port: int) -> PortBusy:
    """The sentence for a person whose port `port` is taken."""
    return PortBusy(
        f"Port {port} is already in use: stop what listens there, or set {variable(name)} to another port."
    )


def bind(address: str, name: str, port: int) -> socket.socket:
    """A TCP socket bound to `port`, ready to listen; raises PortBusy."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((address, port))
        # Bound twice with SO_REUSEADDR is allowed until somebody listens, so listen at once.
        bound.listen(128)
    except OSError as error:
        bound.close()
        raise busy(name, port) from error
    bound.setblocking(False)
    return bound


def require_free(address: str, name: str, port: int, *, udp: bool = False) -> None:
    """Check a port that a program of ours will bind itself; raises PortBusy."""
    if not is_free(address, port, udp=udp):
        raise busy(name, port)
