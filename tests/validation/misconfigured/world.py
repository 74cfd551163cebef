"""A small Internet on loopback: a BIND that is root, registry and customers' servers, and one that resolves and validates.

127.0.0.1 serves every zone and takes updates; ::1, on the same port, serves old copies of some zones and refuses the
others, as the servers of a former provider do; 127.0.0.4 is nobody; 127.0.0.5 stands behind a firewall that knows UDP
only, where a test sets one up. The resolver begins at this root.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update
import dns.zone

from sandbox.free_ports import free_port
from tests.validation.bind import KEY_NAME, SECRET
from tests.validation.closing import end
from tests.validation.misconfigured.cases_dns import VALUE

SOA = "$TTL 60\n@ IN SOA ns1.host.example. hostmaster.host.example. 1 3600 600 86400 900\n"
NS = "@ IN NS ns1.host.example.\n"
TWO_NS = NS + "@ IN NS ns2.host.example.\n"
# The customers' zones, as registered; the first three names of a case are its own.
ROOT = (
    SOA
    + NS
    + "example. IN NS ns1.host.example.\ntest. IN NS ns1.host.example.\nns1.host.example. IN A 127.0.0.1\n"
)
HOST = (
    SOA
    + NS
    + "ns1 IN A 127.0.0.1\nns2 IN AAAA ::1\nnobody IN A 127.0.0.4\nudp IN A 127.0.0.5\nother IN TXT other\n"
)
HOST += 'caa IN CAA 0 issue "letsencrypt.org"\n'

BASE = "@ IN A 127.0.0.1\n"
# Stands in the zone that is signed; the value takes its place afterwards.
TO_BE_FORGED = "to-be-forged"
SIGNED = ("signed.example", "broken.example", "expired.example", "forged.example")

COMMON = """
  directory "{folder}"; port {port}; notify no; check-names primary ignore; max-cache-size 8m; querylog no;
"""
AUTHORITY = """
options {{
  {common} listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 port {port} {{ ::1; }};
  pid-file "{folder}/authority.pid"; session-keyfile "{folder}/authority.key"; recursion no; dnssec-validation no;
  minimal-responses yes; key-directory "{folder}";
}};
controls {{ }};
key "{key}" {{ algorithm hmac-sha256; secret "{secret}"; }};
view "customers" {{
  match-destinations {{ 127.0.0.1; }};
  {customers}
}};
view "former" {{
  match-destinations {{ ::1; }};
  {former}
}};
"""
RESOLVER = """
options {{
  {common} listen-on port {own_port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  pid-file "{folder}/resolver.pid"; session-keyfile "{folder}/resolver.key"; recursion yes; dnssec-validation yes;
  allow-recursion {{ any; }}; empty-zones-enable no; resolver-query-timeout 3000; qname-minimization off;
  max-cache-ttl 1; max-ncache-ttl 2; servfail-ttl 0; lame-ttl 0;
}};
controls {{ }};
zone "." {{ type hint; file "hints"; }};
trust-anchors {{ ANCHORS }};
"""


@dataclass
class World:
    """`port` is where its servers listen, `resolver` the resolver. `anchors`: what the registry vouches for, by zone."""

    port: int
    resolver: int
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    anchors: dict[str, str] = field(default_factory=dict)
    config: str = ""

    def update(self, zone: str) -> dns.update.UpdateMessage:
        keyring = dns.tsigkeyring.from_text({KEY_NAME: SECRET})
        return dns.update.UpdateMessage(
            zone, keyring=keyring, keyname=dns.name.from_text(KEY_NAME), keyalgorithm="hmac-sha256."
        )

    def send(self, update: dns.update.UpdateMessage, server: str = "127.0.0.1") -> None:
        answer = dns.query.tcp(update, server, port=self.port, timeout=5)
        assert answer.rcode() == dns.rcode.NOERROR, dns.rcode.to_text(answer.rcode())

    def publish(self, line: str, zone: str, server: str = "127.0.0.1") -> None:
        """Put a line of a zone file into the zone, letter by letter as it was told."""
        owner, ttl, kind, value = re.fullmatch(r"(\S+\.)(?: (\d+))?(?: IN)? ([A-Z]+) (.+)", line).groups()
        update = self.update(zone)
        update.add(dns.name.from_text(owner), int(ttl or 60), kind, value)
        self.send(update, server)

    def publish_all(self, records: str, zone: str) -> None:
        """Put these lines, written as in the zone's own file, into the zone."""
        update = self.update(zone)
        text = f"$TTL 60\n{records}\n"
        for name, rdataset in dns.zone.from_text(text, zone, check_origin=False).iterate_rdatasets():
            update.add(name, rdataset)
        if update.update:  # BIND refuses to change nothing
            self.send(update)

    def remove(self, record: str, zone: str) -> None:
        """Take away `name. TYPE [value]`."""
        owner, kind, *value = record.split(" ", 2)
        update = self.update(zone)
        update.delete(dns.name.from_text(owner), kind, *value)
        self.send(update)

    def vouch(self, anchors: dict[str, str]) -> None:
        """Have the registry vouch for other keys from now on, as a changed DS record does."""
        self.anchors = dict(anchors)
        text = self.config.replace("ANCHORS", " ".join(anchors.values()))
        (self.folder / "resolver.conf").write_text(text)
        if "resolver" in self.processes:
            os.kill(self.processes["resolver"].pid, signal.SIGHUP)

    def start(self, name: str) -> None:
        conf, log = self.folder / f"{name}.conf", self.folder / f"{name}.log"
        command = [program("named"), "-g", "-n", "1", "-p", str(self.port), "-c", str(conf)]
        with log.open("w") as stream:
            self.processes[name] = subprocess.Popen(command, stderr=stream)


class Firewall:
    """Lets UDP through to the authority from 127.0.0.5, and TCP only once it is opened."""

    ADDRESS = "127.0.0.5"

    def __init__(self, port: int) -> None:
        self._port, self._closed = port, False
        self._udp = socket.socket(type=socket.SOCK_DGRAM)
        self._udp.bind((self.ADDRESS, port))
        self._tcp: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._run(self._pass_udp)

    def open_tcp(self) -> None:
        self._tcp = socket.create_server((self.ADDRESS, self._port))
        self._run(self._pass_tcp, self._tcp)

    def close(self) -> None:
        self._closed = True
        end([sock for sock in (self._udp, self._tcp) if sock], self._threads)

    def _run(self, serve: Callable[..., None], *args: socket.socket) -> None:
        self._threads.append(threading.Thread(target=serve, args=args, daemon=True))
        self._threads[-1].start()

    def _pass_udp(self) -> None:
        while not self._closed:
            with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as inside:
                question, peer = self._udp.recvfrom(65535)
                if self._closed:
                    return
                inside.settimeout(2)
                inside.sendto(question, ("127.0.0.1", self._port))
                self._udp.sendto(inside.recv(65535), peer)

    def _pass_tcp(self, listener: socket.socket) -> None:
        while not self._closed:
            with contextlib.suppress(OSError):
                outside, _peer = listener.accept()
                with outside, socket.create_connection(("127.0.0.1", self._port), timeout=2) as inside:
                    inside.sendall(outside.recv(65535))
                    while piece := inside.recv(65535):
                        outside.sendall(piece)


def program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert found, f"{name} is not installed"
    return found


@contextmanager
def running_world(
    folder: Path, zones: dict[str, str], former: dict[str, str], delegations: str
) -> Iterator[World]:
    """Serve these zones (records below the head). `delegations` are further lines of the registry of example."""
    world = World(free_port(), free_port(), folder)
    registry = SOA + NS + "host IN NS ns1.host.example.\nns1.host IN A 127.0.0.1\nns2.host IN AAAA ::1\n"
    registry += "".join(f"{zone}. IN NS ns1.host.example.\n" for zone in zones) + delegations
    files = {".": ROOT, "example": registry, "test": SOA + NS, "host.example": HOST}
    files |= {zone: SOA + (text if " NS " in text else NS + text) for zone, text in zones.items()}
    customers = [_zone(world, zone, text) for zone, text in files.items()]
    old = [_zone(world, zone, SOA + TWO_NS + text, prefix="former.") for zone, text in former.items()]
    (folder / "hints").write_text(". 60 IN NS ns1.host.example.\nns1.host.example. 60 IN A 127.0.0.1\n")
    facts = {
        "folder": folder,
        "port": world.port,
        "own_port": world.resolver,
        "common": COMMON.format(folder=folder, port=world.port),
        "key": KEY_NAME,
        "secret": SECRET,
    }
    authority = AUTHORITY.format(**facts, customers="\n  ".join(customers), former="\n  ".join(old))
    (folder / "authority.conf").write_text(authority)
    world.config = RESOLVER.format(**facts)
    world.vouch(world.anchors)
    try:
        world.start("authority")
        world.start("resolver")
        _until_loaded(world, files)
        yield world
    finally:
        for process in world.processes.values():
            process.terminate()
        for process in world.processes.values():
            process.wait(10)


def _zone(world: World, zone: str, text: str, prefix: str = "") -> str:
    name = f"{prefix}{zone.strip('.') or 'root'}.zone"
    path = world.folder / name
    path.write_text(text)
    if zone in SIGNED:
        world.anchors[zone] = _sign(world.folder, zone, path)
        name += ".signed"
    policy = f"update-policy {{ grant {KEY_NAME} zonesub ANY; }};" if zone not in SIGNED[2:] else ""
    return f'zone "{zone}" {{ type primary; file "{name}"; {policy} }};'


def _sign(folder: Path, zone: str, path: Path) -> str:
    """Sign the zone, each in its own way of going wrong, and return the trust anchor."""
    key = _key(folder, zone)
    dates = ["-s", "20200101000000", "-e", "20200201000000"] if zone == "expired.example" else []
    # One key for everything; the file of a forged zone is changed after it was signed.
    command = [
        program("dnssec-signzone"),
        "-S",
        "-z",
        "-P",
        *dates,
        "-K",
        str(folder),
        "-o",
        zone,
        "-f",
        f"{path}.signed",
    ]
    subprocess.run([*command, str(path)], check=True, capture_output=True, cwd=folder)
    if zone == "forged.example":
        signed = Path(f"{path}.signed")
        signed.write_text(signed.read_text().replace(TO_BE_FORGED, VALUE))
    vouched = key if zone != "broken.example" else _key(folder / "other", zone)
    return anchor(folder / "other" if zone == "broken.example" else folder, zone, vouched)


def _key(folder: Path, zone: str) -> str:
    folder.mkdir(exist_ok=True)
    command = [program("dnssec-keygen"), "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "-K", str(folder), zone]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def anchor(folder: Path, zone: str, key: str) -> str:
    """The key as a trust anchor: what the DS record in the parent zone stands for."""
    words = (folder / f"{key}.key").read_text().splitlines()[-1].split()
    flags, protocol, algorithm, *material = words[words.index("DNSKEY") + 1 :]
    return f'"{zone}." static-key {flags} {protocol} {algorithm} "{"".join(material)}";'


def key_of(folder: Path, zone: str) -> str:
    return next(folder.glob(f"K{zone}.*.key")).name.removesuffix(".key")


def _until_loaded(world: World, zones: dict[str, str]) -> None:
    for zone in zones:
        _until_answered(world, "authority", zone, world.port)
    _until_answered(world, "resolver", "example", world.resolver)


def _until_answered(world: World, name: str, zone: str, port: int) -> None:
    log = world.folder / f"{name}.log"
    for _try in range(400):
        assert world.processes[name].poll() is None, log.read_text()[-2000:]
        try:
            answer = dns.query.udp(dns.message.make_query(zone, "SOA"), "127.0.0.1", port=port, timeout=2)
            if answer.rcode() == dns.rcode.NOERROR and answer.answer:
                return
        except (OSError, dns.exception.Timeout):
            pass
        time.sleep(0.05)
    raise AssertionError(f"{zone}: {log.read_text()[-2000:]}")
