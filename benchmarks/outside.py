"""`python -m benchmarks.outside`: the customers' DNS and mailboxes in one small process.

Every record that an order needs is there before anybody looks, as if each customer had published at once. What is to be
published is read from the database, a batch at a time; names that begin with `waiting` never get theirs, those that
begin with `late` when a file of that name appears.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import struct
import sys
from pathlib import Path

PREFIX = b"\x0f_acme-challenge"
NEW = (
    "SELECT c.id, a.identifier, c.key_authorization FROM validation_challenge c"
    " JOIN validation_authorization a ON a.id = c.authorization_id"
    " WHERE c.id > %s AND c.type = 'dns-01' ORDER BY c.id"
)
# Keys are drawn in another order than rows are committed in: a lower one may appear after a higher one was read.
PASSED_OVER = NEW.replace("c.id > %s", "a.identifier = %s")


class Records:
    def __init__(self, database: str, folder: Path) -> None:
        import psycopg

        self.connection = psycopg.connect(database, autocommit=True)
        self.folder = folder
        self.last = 0
        self.values: dict[str, bytes] = {}

    def value(self, name: str) -> bytes | None:
        """Return the TXT value of `_acme-challenge.<name>`, None when there is none."""
        if name.startswith("waiting") or (name.startswith("late") and not (self.folder / name).exists()):
            return None
        if name not in self.values:
            self.last = max(self.last, self._read(NEW, self.last))
        if name not in self.values:
            self._read(PASSED_OVER, name)
        return self.values.get(name)

    def _read(self, query: str, value: str | int) -> int:
        """Learn what the query finds; return the highest key."""
        found = self.connection.execute(query, [value]).fetchall()
        for _number, identifier, key_authorization in found:
            digest = hashlib.sha256(key_authorization.encode()).digest()
            self.values[identifier] = base64.urlsafe_b64encode(digest).rstrip(b"=")
        return int(found[-1][0]) if found else 0


class Dns(asyncio.DatagramProtocol):
    def __init__(self, records: Records) -> None:
        self.records = records

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        end = data.index(b"\0", 12) + 5
        question = data[12:end]
        labels, at = [], 0
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode())
            at += 1 + question[at]
        value = (
            self.records.value(".".join(labels[1:]).lower()) if question.lower().startswith(PREFIX) else None
        )
        flags, answers, body = 0x8580, 0, b""
        if value is not None and question[-4:-2] == b"\0\x10":
            answers = 1
            body = b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 60, len(value) + 1) + bytes([len(value)]) + value
        header = data[:2] + struct.pack("!HHHHH", flags, 1, answers, 0, 0)
        self.transport.sendto(header + question + body, address)  # type: ignore[attr-defined]


async def mailbox(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take every mail and keep none."""
    writer.write(b"220 sink\r\n")
    while line := await reader.readline():
        word = line[:4].upper()
        if word == b"DATA":
            writer.write(b"354 go on\r\n")
            while (await reader.readline()) != b".\r\n":
                pass
        writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
        if word == b"QUIT":
            break
    writer.close()


async def serve(dns_port: int, smtp_port: int, folder: Path) -> None:
    records = Records(os.environ["DATABASE_URL"], folder)
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Dns(records), local_addr=("127.0.0.1", dns_port))
    server = await asyncio.start_server(mailbox, "127.0.0.1", smtp_port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
