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
from django.core.exceptions import ImproperlyConfigured

from outbound import call
from validation.answers import Server
from validation.server_names import addresses_of

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
    """`server` is "host", "host:port" or "[v6]:port"; `secret` the TSIG key in base64, never in a repr."""

    zone: str
    server: str
    key_name: str
    secret: str = field(repr=False)
    algorithm: str = "hmac-sha256"

    @classmethod
    def configured(cls) -> ZoneWriter | None:
        """The writer of this installation's settings; None where no zone is delegated to us."""
        if not settings.DELEGATION_ZONE:
            return None
        return cls(
            zone=settings.DELEGATION_ZONE,
            server=settings.DELEGATION_SERVER,
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
        answer = self._answer(update)
        if answer.rcode() != dns.rcode.NOERROR:
            raise ZoneTrouble(f"the server of {self.zone} refused: {dns.rcode.to_text(answer.rcode())}")

    def _answer(self, update: dns.update.UpdateMessage) -> dns.message.Message:
        """Return what the first address says that can be reached. An update that arrives twice does no harm."""
        last: Exception | None = None
        for server in self._addresses():
            try:
                with call("dns", "UPDATE", server.address) as this:
                    answer = dns.query.tcp(update, server.address, port=server.port, timeout=SECONDS)
                    this.outcome = dns.rcode.to_text(answer.rcode())
                    return answer
            except (dns.exception.Timeout, OSError, EOFError) as exc:
                last = exc
            except (dns.exception.DNSException, ValueError) as exc:
                # What is signed with another key, or not at all, is no answer: PowerDNS leaves an unknown key unsigned.
                raise ZoneTrouble(
                    f"the server of {self.zone} does not accept our TSIG key, or is none ({type(exc).__name__})"
                ) from exc
        raise ZoneTrouble(f"the server of {self.zone} cannot be reached ({type(last).__name__})") from last

    def _addresses(self) -> tuple[Server, ...]:
        """Look a host name up each time: a service that was started anew has another address."""
        try:
            return addresses_of(self.server)
        except ImproperlyConfigured as exc:
            raise ZoneTrouble(f"the server of {self.zone} is not known (DELEGATION_SERVER: {exc})") from exc
