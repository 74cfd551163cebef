"""The pretend DNS: pebble-challtestsrv, and the records it is told to answer with."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import idna

from sandbox.program import Program, find_program

RECORD_TYPES = ("TXT", "CNAME", "A", "AAAA", "CAA")
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
CAA_VALUE = re.compile(
    r'(?:(?P<flags>\d{1,3})\s+)?(?P<tag>[a-z0-9]{1,15})\s+"?(?P<value>[^"]*)"?', re.IGNORECASE
)
# One character-string of a TXT record (RFC 1035 §3.3); the server does not split longer ones and then never answers.
TXT_OCTETS = 255
START_SECONDS = 15.0


class RecordRefused(ValueError):
    """A record that cannot be published; the text tells a person why."""


@dataclass(frozen=True, order=True)
class Record:
    """One DNS record: `name` in lower-case A-labels without the final dot, `value` as people write it."""

    name: str
    type: str
    value: str

    @classmethod
    def read(cls, type: str, name: str, value: str) -> Record:
        """A record from what somebody typed; raises RecordRefused."""
        kind = type.strip().upper()
        if kind not in RECORD_TYPES:
            raise RecordRefused(
                f"Records of type {kind or '(none)'} cannot be published here: {', '.join(RECORD_TYPES)} can."
            )
        return cls(read_name(name), kind, VALUE_READERS[kind](value.strip()))

    def as_dict(self) -> dict[str, str]:
        """The record as JSON shows it."""
        return asdict(self)


def read_name(text: str) -> str:
    """A domain name in lower-case A-labels, underscores allowed; raises RecordRefused."""
    name = text.strip().rstrip(".").lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise RecordRefused(f"{text.strip()!r} is not a domain name: {error}.") from error
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(LABEL.fullmatch(label) for label in labels):
        raise RecordRefused(f"{text.strip()!r} is not a full domain name like www.example.com.")
    return name


def read_text(value: str) -> str:
    """The text of a TXT record, without quotes around it; raises RecordRefused."""
    if len(value) >= 2 and value.startswith('"') and value.endswith('"'):
        value = value[1:-1]
    if not value:
        raise RecordRefused("The value of a TXT record cannot be empty.")
    if not value.isprintable():
        raise RecordRefused("The value of a TXT record must be one line of printable characters.")
    if len(value.encode()) > TXT_OCTETS:
        raise RecordRefused(f"The value of a TXT record can be {TXT_OCTETS} octets long at most.")
    return value


def read_address(value: str, version: int) -> str:
    """An IPv4 or IPv6 address in its usual form; raises RecordRefused."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        address = None
    if address is None or address.version != version:
        raise RecordRefused(f"{value!r} is not an IPv{version} address.")
    return str(address)


def read_caa(value: str) -> str:
    """A CAA value like `0 issue "ca.example"` (RFC 8659 §4.1.1); raises RecordRefused."""
    match = CAA_VALUE.fullmatch(value)
    if match is None:
        raise RecordRefused('A CAA record looks like: 0 issue "ca.example".')
    if int(match["flags"] or 0) != 0:
        raise RecordRefused("This name server can only publish CAA records whose flags are 0.")
    return f'0 {match["tag"].lower()} "{match["value"].strip()}"'


VALUE_READERS = {
    "TXT": read_text,
    "CNAME": read_name,
    "A": lambda value: read_address(value, 4),
    "AAAA": lambda value: read_address(value, 6),
    "CAA": read_caa,
}


class NameServer:
    """pebble-challtestsrv as an authoritative server for every name there is.

    Names without an address record resolve to 127.0.0.1. It answers names in lower case only,
    follows a single CNAME, and answers NOTIMP (4) to SOA and NS.
    """

    def __init__(
        self,
        directory: Path,
        bin_dir: Path,
        listen: str,
        dns_port: int,
        management_port: int,
        environ: Mapping[str, str],
    ) -> None:
        self.management = f"http://127.0.0.1:{management_port}"
        self.publishing = asyncio.Lock()
        command = [
            *(
                str(find_program("pebble-challtestsrv", bin_dir)),
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
            ),
            *("-dns01", f"{listen}:{dns_port}", "-management", f"{listen}:{management_port}"),
            *("-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""),
        ]
        self.program = Program(command, directory / "names.log", environ)
        self.client = httpx.AsyncClient(base_url=self.management, timeout=3.0, trust_env=False)

    async def start(self) -> None:
        """Start the server and wait until it takes records; raises ProgramFailed."""
        await self.program.start()
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not await self.answers():
            if not self.program.running:
                raise self.program.failed("ended while starting")
            if asyncio.get_running_loop().time() > deadline:
                raise self.program.failed(f"did not answer within {START_SECONDS:.0f} seconds")
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Stop the server."""
        await self.client.aclose()
        await self.program.stop()

    async def restart(self) -> None:
        """Start the server anew; it comes back without any record."""
        await self.program.kill()
        await self.start()

    async def answers(self) -> bool:
        """Whether the management interface is there."""
        try:
            await self.client.post("/clear-txt", json={"host": "health.sandbox.invalid."})
        except httpx.HTTPError:
            return False
        return True

    async def publish(self, name: str, records: Iterable[Record]) -> None:
        """Make `records` all that the server says about `name`; raises httpx.HTTPError when it is not there."""
        host = f"{name}."
        # The server can only add or forget all, so two publishers of one name must not interleave.
        async with self.publishing:
            for kind in ("txt", "cname", "a", "aaaa", "caa"):
                await self.tell(f"/clear-{kind}", {"host": host})
            for record in records:
                await self.tell(*instruction(record, host))

    async def tell(self, path: str, body: dict[str, object]) -> None:
        """One call of the management interface."""
        (await self.client.post(path, json=body)).raise_for_status()


def instruction(record: Record, host: str) -> tuple[str, dict[str, object]]:
    """The call that makes the server answer with `record`."""
    if record.type == "TXT":
        # The server reads the value as a zone file would, where a backslash starts an escape.
        return "/set-txt", {"host": host, "value": record.value.replace("\\", "\\\\")}
    if record.type == "CNAME":
        return "/set-cname", {"host": host, "target": f"{record.value}."}
    if record.type == "CAA":
        _, tag, value = record.value.split(" ", 2)
        return "/add-caa", {"host": host, "policies": [{"tag": tag, "value": value.strip('"')}]}
    return f"/add-{record.type.lower()}", {"host": host, "addresses": [record.value]}
