"""Where everybody in the town asks DNS: the operator's zone from here, every other name from the name server behind.

The name server knows nothing of the operator's zone. An alias of a customer that leads into the zone is followed here, as
a resolver would: the CA wants the values in the answer to its one question.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rdatatype

from sandbox.ports import busy
from sandbox.zone import Zone

log = logging.getLogger(__name__)

LOCAL = "127.0.0.1"
SECONDS = 5.0
# A TCP client that says nothing more is let go (RFC 7766 §6.2.3).
IDLE_SECONDS = 10.0
# What fits into a datagram where the question names no size (RFC 1035 §4.2.1), and the most that is sent in one.
PLAIN_OCTETS, MOST_OCTETS = 512, 1232
HEADER_OCTETS = 12


class Answering:
    """UDP and TCP on one port; `names_port` is where the name server behind listens."""

    def __init__(self, zone: Zone, names_port: int) -> None:
        self.zone = zone
        self.names_port = names_port
        self.transport: asyncio.DatagramTransport | None = None
        self.server: asyncio.Server | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self, listen: str, port: int, bound: socket.socket) -> None:
        """Answer on `port`, over TCP on the socket already bound; raises PortBusy."""
        loop = asyncio.get_running_loop()
        try:
            self.transport, _ = await loop.create_datagram_endpoint(
                lambda: Datagrams(self), local_addr=(listen, port)
            )
        except OSError as error:
            raise busy("dns", port) from error
        self.server = await asyncio.start_server(self.converse, sock=bound)

    async def stop(self) -> None:
        """Stop answering."""
        if self.transport is not None:
            self.transport.close()
        if self.server is not None:
            self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def take(self, wire: bytes, sender: tuple[str, int]) -> None:
        """Answer a datagram in a task of its own."""
        task = asyncio.create_task(self.send_back(wire, sender))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def send_back(self, wire: bytes, sender: tuple[str, int]) -> None:
        """Answer a datagram; silence where the name server behind is silent."""
        with contextlib.suppress(OSError, TimeoutError):
            reply = await self.reply(wire, over_tcp=False)
            if reply and self.transport is not None:
                self.transport.sendto(reply, sender)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the questions of one TCP connection in their order."""
        task = asyncio.current_task()
        if task is not None:
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        try:
            while wire := await asyncio.wait_for(read_framed(reader), IDLE_SECONDS):
                if not (reply := await self.reply(wire, over_tcp=True)):
                    break
                writer.write(struct.pack("!H", len(reply)) + reply)
                await writer.drain()
        except (OSError, EOFError, TimeoutError):
            pass
        finally:
            writer.close()

    async def reply(self, wire: bytes, *, over_tcp: bool) -> bytes:
        """The answer to one message, empty where there is none; raises OSError, TimeoutError, EOFError."""
        if len(wire) < HEADER_OCTETS or wire[2] & 0x80:
            return b""
        if dns.opcode.from_flags(struct.unpack("!H", wire[2:4])[0]) == dns.opcode.UPDATE:
            return self.zone.update(wire)
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            # What cannot be read here is for the name server behind to refuse.
            return await self.forward(wire, over_tcp=over_tcp)
        if len(query.question) == 1 and self.zone.holds(query.question[0].name):
            return packed(self.zone.answer(query), query, over_tcp=over_tcp)
        reply = await self.forward(wire, over_tcp=over_tcp)
        return self.followed(query, reply, over_tcp=over_tcp)

    def followed(self, query: dns.message.Message, wire: bytes, *, over_tcp: bool) -> bytes:
        """The name server's answer and, where it ends with an alias into the zone, what stands there."""
        answers = struct.unpack("!H", wire[6:8])[0] if len(wire) >= HEADER_OCTETS else 0
        if not answers or not query.question or query.question[0].rdtype == dns.rdatatype.CNAME:
            return wire
        try:
            reply = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return wire
        aliases = [rrset[0].target for rrset in reply.answer if rrset.rdtype == dns.rdatatype.CNAME]
        target = next((name for name in aliases if self.zone.holds(name)), None)
        found = self.zone.records(target, query.question[0].rdtype) if target is not None else None
        if found is None:
            return wire
        reply.answer.append(found)
        return packed(reply, query, over_tcp=over_tcp)

    async def forward(self, wire: bytes, *, over_tcp: bool) -> bytes:
        """What the name server behind says; raises OSError, TimeoutError, EOFError."""
        ask = self.forward_tcp if over_tcp else self.forward_udp
        return await asyncio.wait_for(ask(wire), SECONDS)

    async def forward_udp(self, wire: bytes) -> bytes:
        """One datagram there, one back, on a socket that takes datagrams from there only."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.setblocking(False)
            own.connect((LOCAL, self.names_port))
            await loop.sock_sendall(own, wire)
            return await loop.sock_recv(own, 65535)

    async def forward_tcp(self, wire: bytes) -> bytes:
        """The same over TCP, for answers that do not fit."""
        reader, writer = await asyncio.open_connection(LOCAL, self.names_port)
        try:
            writer.write(struct.pack("!H", len(wire)) + wire)
            return await read_framed(reader)
        finally:
            writer.close()


class Datagrams(asyncio.DatagramProtocol):
    """Hands every datagram on."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A question."""
        self.answering.take(data, addr)


async def read_framed(reader: asyncio.StreamReader) -> bytes:
    """One message with its length before it (RFC 1035 §4.2.2); raises EOFError."""
    (length,) = struct.unpack("!H", await reader.readexactly(2))
    return await reader.readexactly(length)


def packed(reply: dns.message.Message, query: dns.message.Message, *, over_tcp: bool) -> bytes:
    """The answer as octets, cut short with the flag that says so where it does not fit into a datagram."""
    if over_tcp:
        return reply.to_wire(max_size=65535)
    room = min(max(query.payload, PLAIN_OCTETS), MOST_OCTETS) if query.edns >= 0 else PLAIN_OCTETS
    try:
        return reply.to_wire(max_size=room)
    except dns.exception.TooBig:
        reply.answer.clear()
        reply.authority.clear()
        reply.flags |= dns.flags.TC
        return reply.to_wire(max_size=room)
