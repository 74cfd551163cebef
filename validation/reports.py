"""What came of fetching: plain values that the fetcher gives and everybody else reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hop:
    """One request. `address` and `status` are None where it did not come so far; `location` is where it was sent on."""

    url: str
    address: str | None = None
    status: int | None = None
    location: str = ""


@dataclass(frozen=True)
class FetchReport:
    """What came of a URL. `problem` is "" or a slug of validation/problems.py; `body` the first MOST_BODY bytes."""

    url: str
    hops: tuple[Hop, ...]
    status: int | None = None
    body: bytes = b""
    truncated: bool = False
    problem: str = ""
    detail: str = ""

    @property
    def address(self) -> str | None:
        """The address of the first request: the one the report was asked for."""
        return self.hops[0].address if self.hops else None


@dataclass(frozen=True)
class ServedChain:
    """The certificates one address presents for a name, leaf first, DER, unverified."""

    address: str | None
    port: int
    chain_der: tuple[bytes, ...] = ()
    tls_version: str = ""
    problem: str = ""
    detail: str = ""
