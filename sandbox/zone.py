"""The portal operator's own zone: small, in memory, changed by signed dynamic updates (RFC 2136, RFC 8945)."""

from __future__ import annotations

import struct

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.tsigkeyring
import dns.update

ORIGIN = "dcv.sandbox.example"
KEY_NAME = "chancery-sandbox"
# Fixed and harmless; the portal refuses it outside its sandbox.
KEY_SECRET = "c2FuZGJveC1kZWxlZ2F0aW9uLXpvbmUta2V5"
TTL = 60
# A "no" is forgotten at once: whoever looks before the record is there must not wait for it.
NEGATIVE_TTL = 1
UNSIGNED = (
    dns.message.UnknownTSIGKey,
    dns.tsig.BadAlgorithm,
    dns.tsig.BadKey,
    dns.tsig.BadSignature,
    dns.tsig.BadTime,
    dns.tsig.PeerError,
)
Rrset = dns.rrset.RRset


class UpdateRefused(Exception):
    """An update that is not done; `rcode` says why in DNS's words."""

    def __init__(self, rcode: dns.rcode.Rcode) -> None:
        super().__init__(dns.rcode.to_text(rcode))
        self.rcode = rcode


class Zone:
    """TXT records below one name. Forgotten when the town stops: so are the CA's orders that asked for them."""

    def __init__(self, origin: str = ORIGIN, key_name: str = KEY_NAME, key_secret: str = KEY_SECRET) -> None:
        self.origin = dns.name.from_text(origin)
        self.name_server = dns.name.from_text("ns", self.origin)
        self.keyring = dns.tsigkeyring.from_text({key_name: key_secret})
        self.serial = 1
        self.texts: dict[dns.name.Name, Rrset] = {}

    def holds(self, name: dns.name.Name) -> bool:
        """Whether questions about `name` are for this zone."""
        return name.is_subdomain(self.origin)

    def records(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> Rrset | None:
        """What stands at `name`; None when there is nothing of this type."""
        if rdtype == dns.rdatatype.TXT:
            return self.texts.get(name)
        if rdtype == dns.rdatatype.SOA and name == self.origin:
            return self.soa()
        if rdtype == dns.rdatatype.NS and name == self.origin:
            return dns.rrset.from_text(name, TTL, "IN", "NS", self.name_server.to_text())
        if rdtype == dns.rdatatype.A and name == self.name_server:
            return dns.rrset.from_text(name, TTL, "IN", "A", "127.0.0.1")
        return None

    def soa(self) -> Rrset:
        """The start of authority."""
        values = f"{self.name_server} hostmaster.{self.origin} {self.serial} 3600 600 86400 {NEGATIVE_TTL}"
        return dns.rrset.from_text(self.origin, NEGATIVE_TTL, "IN", "SOA", values)

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """The authoritative answer to a question about a name of this zone."""
        question = query.question[0]
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        found = self.records(question.name, question.rdtype)
        if found is not None:
            reply.answer.append(found)
            return reply
        reply.authority.append(self.soa())
        known = {self.origin, self.name_server, *self.texts}
        if question.name not in known:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply

    def update(self, wire: bytes) -> bytes:
        """Do what a signed update asks for, all of it or nothing; the answer to send, signed where the question was."""
        try:
            message = dns.message.from_wire(wire, keyring=self.keyring)
        except UNSIGNED:
            return refusal(wire, dns.rcode.NOTAUTH)
        except dns.exception.DNSException:
            return refusal(wire, dns.rcode.FORMERR)
        if not isinstance(message, dns.update.UpdateMessage) or not message.had_tsig:
            return refusal(wire, dns.rcode.REFUSED)
        reply = dns.message.make_response(message)
        try:
            self.require_doable(message)
        except UpdateRefused as refused:
            reply.set_rcode(refused.rcode)
        else:
            for rrset in message.update:
                self.apply(rrset)
        return reply.to_wire()

    def require_doable(self, message: dns.update.UpdateMessage) -> None:
        """Check an update before any of it is done; raises UpdateRefused."""
        if not message.zone or message.zone[0].name != self.origin:
            raise UpdateRefused(dns.rcode.NOTAUTH)
        if message.prerequisite:
            raise UpdateRefused(dns.rcode.NOTIMP)
        for rrset in message.update:
            if not self.holds(rrset.name):
                raise UpdateRefused(dns.rcode.NOTZONE)
            # As the operator's key may do no more in a real server's `update-policy`.
            if rrset.rdtype != dns.rdatatype.TXT:
                raise UpdateRefused(dns.rcode.REFUSED)

    def apply(self, rrset: Rrset) -> None:
        """Add the values, take these values away, or take all away (RFC 2136 §2.5)."""
        standing = self.texts.pop(rrset.name, None) or Rrset(rrset.name, dns.rdataclass.IN, dns.rdatatype.TXT)
        for value in rrset:
            if rrset.deleting is None:
                standing.add(value, TTL)
            else:
                standing.discard(value)
        if len(standing) and rrset.deleting != dns.rdataclass.ANY:
            self.texts[rrset.name] = standing
        self.serial += 1


def refusal(wire: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """An answer that says no more than that, for an update that cannot be believed or read."""
    flags = dns.flags.QR | dns.opcode.to_flags(dns.opcode.UPDATE) | rcode
    return wire[:2] + struct.pack("!HHHHH", flags, 0, 0, 0, 0)
