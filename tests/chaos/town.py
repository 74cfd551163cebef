"""The world outside one story: a CA, a gateway, name servers that know every record at once, and a mailbox that counts."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import socketserver
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from email import message_from_bytes
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import psycopg
from aiosmtpd.controller import Controller

from sandbox.free_ports import free_port
from tests.contracts.ca import CaServer, running_pebble
from tests.orders.fake_gateway import FakeGateway

SIGNED = re.compile(r"Issued certificate serial \w+ for order (\S+)")
RECORDS = """
SELECT c.key_authorization FROM validation_challenge c JOIN validation_authorization a ON a.id = c.authorization_id
WHERE c.type = 'dns-01' AND a.identifier = """


class Gateway(FakeGateway):
    """With a door through which the customer pays: POST /v1/test/pay/<session>."""

    def serve(self, method: str, path: str, params: dict[str, str]) -> tuple[int, dict[str, Any]]:
        head, _slash, session_id = path.rpartition("/")
        if head == "/v1/test/pay":
            if self.sessions[session_id]["status"] == "open":
                self.pay(session_id)
            return 200, {"id": session_id}
        return super().serve(method, path, params)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who asked us was killed: nothing to be said about."""

    def pages_of(self, order_id: str) -> int:
        """Pages at which this order was, or still can be, paid."""
        with self.lock:
            mine = [s for s in self.sessions.values() if s["client_reference_id"] == order_id]
            return sum(session["status"] in {"open", "complete"} for session in mine)


class Mailbox:
    """Takes every mail. One that comes twice under one Message-ID is one, as it is for a person's mail program."""

    def __init__(self) -> None:
        self.mails: Counter[tuple[str, str, str]] = Counter()
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port(), ready_timeout=20)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content)
        for recipient in envelope.rcpt_tos:
            self.mails[recipient, str(message["Subject"]), str(message["Message-ID"])] += 1
        return "250 Kept"

    def letters_to(self, address: str, word: str) -> int:
        return sum(1 for to, subject, _id in self.mails if to == address and word in subject)


class Records(threading.Thread):
    """A name server for customers who publish at once: what the portal asks for is read in its own database."""

    def __init__(self, database: str) -> None:
        super().__init__(daemon=True)
        self.database = database
        names = self

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, sock = self.request
                with suppress(OSError):
                    sock.sendto(names.answer(data), self.client_address)

        class Stream(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                data = self.rfile.read(int.from_bytes(self.rfile.read(2), "big"))
                answer = names.answer(data)
                self.wfile.write(len(answer).to_bytes(2, "big") + answer)

        self.port = free_port()
        self.udp = socketserver.ThreadingUDPServer(("127.0.0.1", self.port), Datagram)
        self.tcp = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), Stream)
        self.udp.daemon_threads = self.tcp.daemon_threads = True

    def run(self) -> None:
        threading.Thread(target=self.tcp.serve_forever, args=(0.05,), daemon=True).start()
        self.udp.serve_forever(0.05)

    def stop(self) -> None:
        self.udp.shutdown()
        self.tcp.shutdown()
        self.udp.server_close()
        self.tcp.server_close()

    def answer(self, data: bytes) -> bytes:
        asked = dns.message.from_wire(data)
        reply = dns.message.make_response(asked)
        reply.flags |= dns.flags.AA
        question = asked.question[0]
        name = str(question.name).rstrip(".").lower()
        if question.rdtype == dns.rdatatype.TXT and name.startswith("_acme-challenge."):
            try:
                values = self.values(name.removeprefix("_acme-challenge."))
            except (psycopg.Error, sqlite3.Error):
                values = []
                reply.set_rcode(dns.rcode.SERVFAIL)
            if values:
                texts = [f'"{value}"' for value in values[-10:]]
                reply.answer.append(dns.rrset.from_text(question.name, 1, "IN", "TXT", *texts))
        return reply.to_wire()

    def values(self, identifier: str) -> list[str]:
        if self.database.startswith("postgres"):
            with psycopg.connect(self.database, connect_timeout=2) as server:
                rows = server.execute(RECORDS + "%s ORDER BY c.id", [identifier]).fetchall()
        else:
            with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5)) as file:
                rows = file.execute(RECORDS + "? ORDER BY c.id", [identifier]).fetchall()
        return [digest(str(row[0])) for row in rows if row[0]]


def digest(key_authorization: str) -> str:
    """RFC 8555 §8.4."""
    octets = hashlib.sha256(key_authorization.encode()).digest()
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Town:
    """One database's outside world. `as_job()` is what a worker must know of it."""

    def __init__(
        self, folder: Path, ca: CaServer, gateway: Gateway, mailbox: Mailbox, records: Records
    ) -> None:
        self.folder, self.ca, self.gateway, self.mailbox, self.records = folder, ca, gateway, mailbox, records
        self.database = ""

    def as_job(self) -> dict[str, Any]:
        return {
            "database": self.database,
            "gateway": self.gateway.url,
            "smtp": self.mailbox.controller.port,
            "dns": f"127.0.0.1:{self.records.port}",
            "ca": {"directory_url": self.ca.directory_url, "roots_pem": self.ca.roots_pem},
        }

    def signed(self) -> Counter[str]:
        """How often the CA has signed, by the last part of the order's URL, as its own log tells."""
        log = self.folder / "pebble" / "output.log"
        return Counter(SIGNED.findall(log.read_text(errors="replace")))


@contextmanager
def running_town(
    folder: Path, records_in: str, environment: Mapping[str, str] | None = None
) -> Iterator[Town]:
    """`records_in` is the path of a SQLite file or a postgres:// URL: where the name server reads."""
    settings = {
        "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0", "PEBBLE_WFE_ORDERS_PER_PAGE": "5000",
        **(environment or {}),
    }  # fmt: skip
    (folder / "pebble").mkdir(parents=True)
    with ExitStack() as stack:
        ca = stack.enter_context(running_pebble(folder / "pebble", environment=settings))
        gateway = Gateway().start()
        stack.callback(gateway.stop)
        mailbox = Mailbox()
        mailbox.controller.start()
        stack.callback(mailbox.controller.stop)
        records = Records(records_in)
        records.start()
        stack.callback(records.stop)
        yield Town(folder, ca, gateway, mailbox, records)
