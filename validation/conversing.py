"""One question to one DNS server, and its answer off the wire."""

from __future__ import annotations

import dns.exception
import dns.message
import dns.name
import dns.query

from outbound import call
from validation.answers import Server
from validation.deadline import Deadline

SECONDS_OVER_UDP = 1.0  # then the same server over TCP: a lost packet or a filtered UDP port is no finding
EDNS_PAYLOAD = 1232


def answers_over_tcp(server: Server, name: str, budget: Deadline) -> bool:
    """True if this server answers at all over TCP, as each must (RFC 7766 §5)."""
    query = dns.message.make_query(name, "SOA", use_edns=0, payload=EDNS_PAYLOAD)
    try:
        with call("dns", "SOA", server.address):
            dns.query.tcp(query, server.address, port=server.port, timeout=budget.remaining)
    except (dns.exception.DNSException, OSError, EOFError, ValueError):
        return False
    return True


class CutShort(Exception):
    """The answer does not fit into a datagram, and TCP brings none."""


def converse(
    server: Server, name: dns.name.Name, rdtype: str, flags: int, budget: Deadline, *, edns: bool
) -> dns.message.Message:
    """Ask one server over UDP, and over TCP where the answer is cut off or none comes in time.

    Raises dns.exception.DNSException, OSError and CutShort.
    """
    query = dns.message.make_query(
        name, rdtype, use_edns=0 if edns else False, payload=EDNS_PAYLOAD if edns else None, flags=flags
    )
    if budget.passed:
        raise dns.exception.Timeout
    try:
        with call("dns", rdtype, server.address):
            return dns.query.udp(
                query, server.address, port=server.port, timeout=budget.at_most(SECONDS_OVER_UDP),
                ignore_unexpected=True, ignore_errors=True, raise_on_truncation=True,
            )  # fmt: skip
    except dns.message.Truncated:
        cut = True
    except dns.exception.Timeout:
        cut = False
        if budget.passed:
            raise
    try:
        with call("dns", rdtype, server.address):
            return dns.query.tcp(query, server.address, port=server.port, timeout=budget.remaining)
    except (dns.exception.Timeout, OSError) as exc:
        raise (CutShort() if cut else exc) from None
