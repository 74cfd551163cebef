"""Writes TXT values into the operator's own zone: dynamic update (RFC 2136), signed (TSIG, RFC 8945)."""

from __future__ import annotations

from dataclasses import dataclass, field

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.tsig
import dns.tsigkeyring
import dns.update
from django.conf import settings

from outbound import call

SECONDS = 8.0
TTL = 60
ALGORITHMS = {
    name: getattr(dns.tsig, name.upper().replace("-", "_"))
    for name in ("hmac-sha256", "hmac-sha384", "hmac-sha512")
}


class ZoneTrouble(Exception):
    """The zone does not hold what it should: its server refused, did not answer, or answered something else."""


@dataclass(frozen=True)
class ZoneWriter:
    """`server` is an IP address; `secret` the TSIG key in base64, never in a repr."""

    zone: str
    server: str
    port: int
    key_name: str
    secret: str = field(repr=False)
    algorithm: str = "hmac-sha256"

    @classmethod
    def configured(cls) -> ZoneWriter | None:
        """The writer of this installation's settings; None where no zone is delegated to us."""
        if not settings.DELEGATION_ZONE:
            return None
        host, _, port = settings.DELEGATION_SERVER.rpartition(":")
        return cls(
            zone=settings.DELEGATION_ZONE,
            server=host or settings.DELEGATION_SERVER,
            port=int(port) if host else 53,
            key_name=settings.DELEGATION_TSIG_NAME,
            secret=settings.DELEGATION_TSIG_SECRET,
            algorithm=settings.DELEGATION_TSIG_ALGORITHM,
        )

    def add(self, label: str, value: str) -> None:
        """Have the value stand at `<label>.<zone>`, beside any others. Idempotent. Raises ZoneTrouble."""
        update = self._update()
        update.add(label, TTL, "TXT", f'"{value}"')
        self._exchange(update)

    def remove(self, label: str, value: str) -> None:
        """Take one value away; others stay, and one that is not there is no trouble. Raises ZoneTrouble."""
        update = self._update()
        update.delete(label, "TXT", f'"{value}"')
        self._exchange(update)

    def _update(self) -> dns.update.UpdateMessage:
        try:
            keyring = dns.tsigkeyring.from_text({self.key_name: self.secret})
            return dns.update.UpdateMessage(
                self.zone,
                keyring=keyring,
                keyname=dns.name.from_text(self.key_name),
                keyalgorithm=ALGORITHMS[self.algorithm],
            )
        except (dns.exception.DNSException, ValueError, KeyError) as exc:
            raise ZoneTrouble(
                f"the settings of the delegation zone are wrong ({type(exc).__name__})"
            ) from exc

    def _exchange(self, update: dns.update.UpdateMessage) -> None:
        try:
            with call("dns", "UPDATE", self.server) as this:
                answer = dns.query.tcp(update, self.server, port=self.port, timeout=SECONDS)
                this.outcome = dns.rcode.to_text(answer.rcode())
        except (dns.exception.DNSException, OSError, EOFError, ValueError) as exc:
            raise ZoneTrouble(f"the server of {self.zone} cannot be reached ({type(exc).__name__})") from exc
        if answer.rcode() != dns.rcode.NOERROR:
            raise ZoneTrouble(f"the server of {self.zone} refused: {dns.rcode.to_text(answer.rcode())}")
