"""A real BIND on a loopback port: zones as text, a TSIG key for those that may be written."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update

from sandbox.free_ports import free_port

KEY_NAME = "chancery-dcv"
SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="

CONF = """
options {{
  directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key"; recursion yes; dnssec-validation no;
  allow-query-cache {{ any; }}; allow-recursion {{ any; }}; notify no;
}};
controls {{ }};
key "{key}" {{ algorithm hmac-sha256; secret "{secret}"; }};
"""
HEAD = """$TTL 60
@ IN SOA ns1 hostmaster 1 3600 600 86400 60
@ IN NS ns1
ns1 IN A 127.0.0.1
"""


@dataclass(frozen=True)
class Bind:
    port: int
    folder: Path


@contextmanager
def running_bind(folder: Path, zones: Mapping[str, str], *, written: tuple[str, ...] = ()) -> Iterator[Bind]:
    """Serve these zones (records below a standard head); those `written` take signed updates."""
    port = free_port()
    conf = CONF.format(folder=folder, port=port, key=KEY_NAME, secret=SECRET)
    for zone, records in zones.items():
        (folder / f"{zone}.zone").write_text(HEAD + records + "\n")
        leave = f"update-policy {{ grant {KEY_NAME} zonesub ANY; }};" if zone in written else ""
        conf += f'zone "{zone}" {{ type primary; file "{zone}.zone"; {leave} }};\n'
    (folder / "named.conf").write_text(conf)
    program = shutil.which("named", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    assert program, "BIND (bind9) is not installed"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([program, "-g", "-c", str(folder / "named.conf")], stderr=log)
    try:
        _until_open(port, process)
        until_loaded(port, zones)
        yield Bind(port, folder)
    finally:
        process.terminate()
        process.wait(10)


def until_loaded(port: int, zones: Iterable[str]) -> None:
    """The port is open before the zones are there: until then BIND answers SERVFAIL."""
    for zone in zones:
        for _try in range(200):
            answer = dns.query.udp(dns.message.make_query(zone, "SOA"), "127.0.0.1", port=port, timeout=5)
            if answer.rcode() == dns.rcode.NOERROR and answer.answer:
                break
            time.sleep(0.05)
        else:
            raise AssertionError(f"BIND did not load {zone}")


def _until_open(port: int, process: subprocess.Popen[bytes]) -> None:
    for _try in range(200):
        assert process.poll() is None, "BIND ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("BIND did not start")


def point(bind: Bind, zone: str, target: str) -> None:
    """What a customer does once at their provider: `_acme-challenge.<zone>` becomes an alias of `target`."""
    update = _update(zone)
    update.replace("_acme-challenge", 60, "CNAME", f"{target}.")
    _send(bind, update)


def put(bind: Bind, zone: str, line: str) -> None:
    """Publish a line of a zone file, letter by letter as it was told."""
    found = re.fullmatch(r"(\S+\.)(?: (\d+))?(?: IN)? ([A-Z]+) (.+)", line)
    assert found, line
    update = _update(zone)
    update.add(dns.name.from_text(found[1]), int(found[2] or 60), found[3], found[4])
    _send(bind, update)


def take_away(bind: Bind, zone: str, record: str) -> None:
    """Remove `name. TYPE`, and of it one value where one is named."""
    owner, kind, *value = record.split(" ", 2)
    update = _update(zone)
    update.delete(dns.name.from_text(owner), kind, *value)
    _send(bind, update)


def _update(zone: str) -> dns.update.UpdateMessage:
    keyring = dns.tsigkeyring.from_text({KEY_NAME: SECRET})
    return dns.update.UpdateMessage(
        zone, keyring=keyring, keyname=dns.name.from_text(KEY_NAME), keyalgorithm="hmac-sha256."
    )


def _send(bind: Bind, update: dns.update.UpdateMessage) -> None:
    assert dns.query.tcp(update, "127.0.0.1", port=bind.port, timeout=5).rcode() == dns.rcode.NOERROR
