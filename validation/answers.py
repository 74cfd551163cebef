"""What DNS said: plain values that the resolver gives and everybody else reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from validation.untrusted import clean

# "Nothing there" is an answer; everything else is the absence of one.
ANSWERED = frozenset({"NOERROR", "NXDOMAIN"})
_LONGEST_VALUE = 4096


def as_text(rdata: Any) -> str:
    """One record as a person reads it: TXT strings joined (RFC 8555 §8.4), an address bare, the rest in zone file form."""
    strings = getattr(rdata, "strings", None)
    if strings is not None:
        return clean(b"".join(strings), _LONGEST_VALUE)
    address = getattr(rdata, "address", None)
    return str(address) if address is not None else clean(rdata.to_text(), _LONGEST_VALUE)


@dataclass(frozen=True)
class Server:
    """One DNS server to ask. `name` is empty when only its address is known."""

    address: str
    port: int = 53
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.address})" if self.name else self.address


@dataclass(frozen=True)
class Delegation:
    """Who answers for a name. Without `servers`, `rcode` says why; `bogus`: DNSSEC validation fails (RFC 4035 §4.3).

    `hosts` are the names of all its name servers, whether or not an address was found; `why` is a validating
    resolver's explanation of `bogus`.
    """

    zone: str
    servers: tuple[Server, ...]
    rcode: str = "NOERROR"
    bogus: bool = False
    hosts: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class ServerAnswer:
    """What one server said about one name and type.

    `rcode` is a DNS word, or TIMEOUT, UNREACHABLE, MALFORMED, LAME (does not answer for the zone), NO_TCP (the answer
    was cut off over UDP, and over TCP there is none). `negative_ttl`
    is how many seconds "nothing there" may be remembered (RFC 2308 §5). `soa` owns the negative answer. `bogus`: the
    server fails only because DNSSEC validation does, `why` in its own words where it gives any (RFC 8914).
    """

    server: Server
    rcode: str
    rdatas: tuple[Any, ...] = ()
    ttl: int | None = None
    negative_ttl: int | None = None
    soa: str = ""
    target: str = ""
    bogus: bool = False
    why: str = ""

    @property
    def answered(self) -> bool:
        return self.rcode in ANSWERED

    @cached_property
    def values(self) -> tuple[str, ...]:
        return tuple(as_text(rdata) for rdata in self.rdatas)


@dataclass(frozen=True)
class Answer:
    """What the servers said about a name after its aliases. Names are lower-case, without a trailing dot.

    `chain` holds the CNAME targets followed, `lacking` the servers that did not know an alias that others gave.
    """

    name: str
    rdtype: str
    zone: str
    servers: tuple[ServerAnswer, ...] = ()
    chain: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    loop: bool = False
    bogus: bool = False
    failure: str = ""
    why: str = ""

    @cached_property
    def good(self) -> tuple[ServerAnswer, ...]:
        return tuple(server for server in self.servers if server.answered)

    @property
    def answered(self) -> bool:
        """True if at least one server gave an answer, even "nothing there"."""
        return bool(self.good) and not self.failure

    @property
    def rcode(self) -> str:
        """NOERROR if any server has it so, else NXDOMAIN, else what went wrong."""
        if self.failure:
            return self.failure
        words = [server.rcode for server in self.servers]
        for word in ("NOERROR", "NXDOMAIN"):
            if word in words:
                return word
        told = [word for word in words if word != "TIMEOUT"]
        return told[0] if told else "TIMEOUT"

    @cached_property
    def values(self) -> tuple[str, ...]:
        """Every value any server has, each once."""
        return tuple(dict.fromkeys(value for server in self.good for value in server.values))

    @property
    def rdatas(self) -> tuple[Any, ...]:
        """The records of the first server that has any."""
        return next((server.rdatas for server in self.good if server.rdatas), ())

    @property
    def ttl(self) -> int | None:
        return _smallest_or_none(self.good, lambda server: server.ttl)

    @property
    def negative_ttl(self) -> int | None:
        """The longest time any of these servers lets others remember that there was nothing."""
        return max(
            (server.negative_ttl for server in self.good if server.negative_ttl is not None), default=None
        )


def _smallest_or_none(
    servers: tuple[ServerAnswer, ...], reading: Callable[[ServerAnswer], int | None]
) -> int | None:
    return min((value for server in servers if (value := reading(server)) is not None), default=None)


@dataclass(frozen=True)
class Addresses:
    """Where a name points. Without addresses, `rcode` says whether there are none or nobody answered."""

    name: str
    v4: tuple[str, ...]
    v6: tuple[str, ...]
    rcode: str = "NOERROR"
    chain: tuple[str, ...] = ()
    loop: bool = False
    bogus: bool = False

    @property
    def all(self) -> tuple[str, ...]:
        """IPv6 first, as CAs prefer it."""
        return self.v6 + self.v4

    @property
    def answered(self) -> bool:
        return self.rcode in ANSWERED
