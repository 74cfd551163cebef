"""What one DNS message says: its records, its aliases, and how long its "no" may be remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from validation.answers import ANSWERED, Server, ServerAnswer
from validation.untrusted import clean


def read(
    server: Server, message: dns.message.Message, name: dns.name.Name, rdtype: str, *, walking: bool
) -> ServerAnswer:
    rcode = dns.rcode.to_text(message.rcode())
    aliases = rdatas(message, name, "CNAME")
    if (
        rcode not in ANSWERED and not aliases
    ):  # BIND fails beside the aliases it could not follow to their end
        return ServerAnswer(server=server, rcode=rcode, why=why_of(message))
    records = rdatas(message, name, rdtype)
    if walking and not message.flags & dns.flags.AA and not records and not aliases:
        return ServerAnswer(server=server, rcode="LAME")
    if records:
        return ServerAnswer(server=server, rcode="NOERROR", rdatas=records, ttl=_ttl(message, name, rdtype))
    if aliases:
        return ServerAnswer(server=server, rcode="NOERROR", target=text_of(aliases[0].target))
    owner, negative_ttl = negative(message)
    return ServerAnswer(server=server, rcode=rcode, soa=owner, negative_ttl=negative_ttl)


def rdatas(message: dns.message.Message, name: dns.name.Name, rdtype: str) -> tuple[Any, ...]:
    wanted = dns.rdatatype.from_text(rdtype)
    return tuple(
        rdata for rrset in message.answer if rrset.rdtype == wanted and rrset.name == name for rdata in rrset
    )


def final_rdatas(message: dns.message.Message, rdtype: str) -> tuple[Any, ...]:
    wanted = dns.rdatatype.from_text(rdtype)
    return tuple(rdata for rrset in message.answer if rrset.rdtype == wanted for rdata in rrset)


def _ttl(message: dns.message.Message, name: dns.name.Name, rdtype: str) -> int | None:
    wanted = dns.rdatatype.from_text(rdtype)
    return next(
        (rrset.ttl for rrset in message.answer if rrset.rdtype == wanted and rrset.name == name), None
    )


def why_of(message: dns.message.Message) -> str:
    """The server's own explanation of a failure, "" where it gives none (RFC 8914)."""
    texts = [error.text or error.code.name.replace("_", " ").lower() for error in message.extended_errors()]
    return clean("; ".join(texts), 200)


def negative(message: dns.message.Message) -> tuple[str, int | None]:
    """The zone that says no, and for how long that may be remembered: the lesser of TTL and MINIMUM (RFC 2308 §5)."""
    for rrset in message.authority:
        if rrset.rdtype == dns.rdatatype.SOA:
            return text_of(rrset.name), min(rrset.ttl, rrset[0].minimum)
    return "", None


def referred(message: dns.message.Message, name: dns.name.Name) -> list[dns.name.Name]:
    """The name servers that a parent zone's answer names for the zone."""
    sets = [*message.answer, *message.authority]
    return [
        rdata.target
        for rrset in sets
        if rrset.rdtype == dns.rdatatype.NS and rrset.name == name
        for rdata in rrset
    ]


def glue(message: dns.message.Message | None) -> dict[dns.name.Name, list[str]]:
    """The addresses that came along with a referral."""
    found: dict[dns.name.Name, list[str]] = {}
    for rrset in message.additional if message is not None else ():
        if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            found.setdefault(rrset.name, []).extend(str(rdata.address) for rdata in rrset)
    return found


def alias(replies: Sequence[ServerAnswer]) -> dns.name.Name | None:
    """Where to go on: an alias, unless some server has the records right here."""
    if any(reply.rdatas for reply in replies):
        return None
    return next((name_of(reply.target) for reply in replies if reply.target), None)


def name_of(text: str) -> dns.name.Name:
    """Raises dns.exception.DNSException for what is no name."""
    return dns.name.from_text(text).canonicalize()


def text_of(name: dns.name.Name) -> str:
    return clean(name.canonicalize().to_text(omit_final_dot=True), 300)
