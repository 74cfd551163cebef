"""A small authoritative DNS server on loopback, UDP and TCP, that can be told to misbehave."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from sandbox.free_ports import free_port
from tests.validation.closing import end


class FakeDns:
    """Answers from `records`; below `zones` what is not there does not exist, elsewhere it refuses."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0, zones: tuple[str, ...] = (".",)) -> None:
        self.address = address
        self.zones = [dns.name.from_text(zone) for zone in zones]
        self.records: dict[tuple[dns.name.Name, str], dns.rrset.RRset] = {}
        self.rcodes: dict[dns.name.Name, int] = {}
        self.unless_unchecked: set[dns.name.Name] = set()
        self.silent = False
        self.silent_over_udp = False
        self.truncates = False
        self.authoritative = True
        self.refuses_edns = False
        self.delay = 0.0
        self.next_answers: dict[tuple[dns.name.Name, str], list[list[str]]] = {}
        self.raw: Callable[[bytes], bytes] | None = None
        self.asked: list[tuple[str, str, str]] = []
        self.port = port or free_port()
        self._tcp = socket.create_server((address, self.port))
        self._udp = socket.socket(type=socket.SOCK_DGRAM)
        self._udp.bind((address, self.port))
        self._closed = False
        self._threads = [
            threading.Thread(target=loop, daemon=True) for loop in (self._serve_udp, self._serve_tcp)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def text(self) -> str:
        return f"{self.address}:{self.port}"

    def add(self, name: str, rdtype: str, *values: str, ttl: int = 60) -> None:
        owner = dns.name.from_text(name)
        self.records[(owner, rdtype)] = dns.rrset.from_text(owner, ttl, "IN", rdtype, *values)

    def txt(self, name: str, *values: str) -> None:
        self.add(name, "TXT", *(f'"{value}"' for value in values))

    def remove(self, name: str, rdtype: str) -> None:
        self.records.pop((dns.name.from_text(name), rdtype), None)

    def fail(self, name: str, rcode: int = dns.rcode.SERVFAIL) -> None:
        self.rcodes[dns.name.from_text(name)] = rcode

    def bogus(self, name: str) -> None:
        """Fail for the name as a validating resolver does, unless asked not to check (CD)."""
        self.unless_unchecked.add(dns.name.from_text(name))

    def in_turn(self, name: str, rdtype: str, *answers: list[str]) -> None:
        """Give these answers one after the other, then go on with the records."""
        self.next_answers[(dns.name.from_text(name), rdtype)] = list(answers)

    def close(self) -> None:
        self._closed = True
        end([self._udp, self._tcp], self._threads)

    def _serve_udp(self) -> None:
        while not self._closed:
            try:
                wire, peer = self._udp.recvfrom(65535)
            except OSError:
                return
            if not wire:
                continue
            if self.silent or self.silent_over_udp:
                self._note("udp", wire)
                continue
            reply = self._reply("udp", wire)
            with contextlib.suppress(OSError):
                self._udp.sendto(reply, peer)

    def _serve_tcp(self) -> None:
        while not self._closed:
            try:
                conn, _peer = self._tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_one, args=(conn,), daemon=True).start()

    def _serve_one(self, conn: socket.socket) -> None:
        with conn, contextlib.suppress(OSError, struct.error):
            conn.settimeout(5)
            (length,) = struct.unpack("!H", conn.recv(2))
            wire = conn.recv(length)
            if self.silent:
                self._note("tcp", wire)
                time.sleep(5)
                return
            reply = self._reply("tcp", wire)
            conn.sendall(struct.pack("!H", len(reply)) + reply)

    def _note(self, transport: str, wire: bytes) -> dns.message.Message:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append((transport, name, dns.rdatatype.to_text(question.rdtype)))
        return query

    def _reply(self, transport: str, wire: bytes) -> bytes:
        query = self._note(transport, wire)
        if self.delay:
            time.sleep(self.delay)
        if self.raw is not None:
            return self.raw(wire)
        reply = dns.message.make_response(query)
        if self.refuses_edns and query.edns >= 0:
            reply.set_rcode(dns.rcode.FORMERR)
            return reply.to_wire()
        if self.authoritative:
            reply.flags |= dns.flags.AA
        if transport == "udp" and self.truncates:
            reply.flags |= dns.flags.TC
            return reply.to_wire()
        self._fill(query, reply)
        try:
            return reply.to_wire(max_size=1232 if transport == "udp" else 65535)
        except dns.exception.TooBig:
            short = dns.message.make_response(query)
            short.flags |= dns.flags.TC
            return short.to_wire()

    def _fill(self, query: dns.message.Message, reply: dns.message.Message) -> None:
        name = query.question[0].name.canonicalize()
        rdtype = dns.rdatatype.to_text(query.question[0].rdtype)
        if name in self.rcodes:
            reply.set_rcode(self.rcodes[name])
            return
        if name in self.unless_unchecked and not query.flags & dns.flags.CD:
            reply.set_rcode(dns.rcode.SERVFAIL)
            return
        waiting = self.next_answers.get((name, rdtype))
        if waiting:
            reply.answer.append(dns.rrset.from_text(name, 0, "IN", rdtype, *waiting.pop(0)))
            return
        found = self.records.get((name, rdtype)) or self.records.get((name, "CNAME"))
        if found is not None:
            reply.answer.append(found)
            return
        zone = next((zone for zone in sorted(self.zones, reverse=True) if name.is_subdomain(zone)), None)
        if zone is None:
            reply.set_rcode(dns.rcode.REFUSED)
            return
        if not any(owner.is_subdomain(name) for owner, _ in self.records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        soa = "ns.invalid. host.invalid. 1 3600 600 86400 900"
        reply.authority.append(dns.rrset.from_text(zone, 1800, "IN", "SOA", soa))
