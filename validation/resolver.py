"""Asks DNS the way a CA does: the zone's own servers, directly, without a cache in between.

Where VALIDATION_NAMESERVERS is set (split horizon, sandbox) those servers are asked instead of walking there.
Everything that comes back is untrusted.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from identifiers import suffixes
from validation.addresses import IPNetwork, may_connect, networks
from validation.answers import ANSWERED, Addresses, Answer, Delegation, Server, ServerAnswer
from validation.conversing import CutShort, answers_over_tcp, converse
from validation.deadline import Deadline
from validation.replies import alias, final_rdatas, glue, name_of, rdatas, read, referred, text_of, why_of
from validation.server_names import servers, system_resolvers
from validation.untrusted import clean

MAX_CHAIN = 8
MAX_SERVERS = 4
MAX_ADDRESSES = 8
SECONDS_PER_SERVER = 2.0
SECONDS_OVER_TCP = 1.0  # for a question whose answer holds nobody up
SECONDS = 8.0
# A server that cannot read EDNS says one of these and is asked again in plain DNS (RFC 6891 §7).
_WITHOUT_EDNS = {dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS}


class Resolver:
    """One look's worth of questions, with one budget of seconds and one memory of delegations. Not for keeping."""

    def __init__(
        self,
        *,
        nameservers: Sequence[Server] = (),
        recursives: Sequence[Server] = (),
        allowed: Sequence[IPNetwork] = (),
        publics: Sequence[Server] = (),
        port: int = 53,
        deadline: Deadline | None = None,
    ) -> None:
        """`nameservers` are asked instead of walking; `recursives` only tell which servers hold a zone; `publics` are
        other people's resolvers, whose memory tells what the world still believes.

        `allowed` are networks where an authoritative server may live although they are not public; `port` is where
        authoritative servers listen.
        """
        self._nameservers = tuple(nameservers)[:MAX_SERVERS]
        self._recursives = tuple(recursives)[:MAX_SERVERS]
        self._publics = tuple(publics)[:MAX_SERVERS]
        self._allowed = tuple(allowed)
        self._port = port
        self._deadline = deadline or Deadline(SECONDS)
        self._known: dict[dns.name.Name, Delegation] = {}

    @classmethod
    def configured(cls, deadline: Deadline | None = None) -> Resolver:
        """The resolver of this installation's settings. Raises ImproperlyConfigured."""
        nameservers = servers(settings.VALIDATION_NAMESERVERS)
        if not nameservers and settings.SANDBOX:
            raise ImproperlyConfigured("the sandbox needs VALIDATION_NAMESERVERS: it never asks the real DNS")
        return cls(
            nameservers=nameservers,
            recursives=() if nameservers else servers(settings.VALIDATION_RESOLVERS) or system_resolvers(),
            publics=servers(settings.VALIDATION_PUBLIC_RESOLVERS),
            allowed=networks(settings.VALIDATION_ALLOWED_NETWORKS),
            deadline=deadline,
        )

    @property
    def asks(self) -> Hashable:
        """Whose answers these are, for whoever remembers them."""
        return self._nameservers, self._recursives, self._port

    def txt(self, name: str) -> Answer:
        """What every authoritative server says; values are each record's strings joined."""
        return self._lookup(name, "TXT", everywhere=True)

    def txt_somewhere(self, name: str) -> Answer:
        """What the first authoritative server that answers says: enough to find a record that went astray."""
        return self._lookup(name, "TXT")

    def txt_publicly(self, name: str) -> tuple[ServerAnswer, ...]:
        """What the public resolvers say, each once, from their memory."""
        try:
            asked = name_of(name)
        except dns.exception.DNSException:
            return ()
        return self._ask_all(self._publics, asked, "TXT")

    def without_tcp(self, name: str) -> tuple[Server, ...]:
        """The zone's servers that do not answer over TCP, as all must (RFC 7766 §5), each asked once.

        None where servers are asked that are this installation's own choice.
        """
        servers = () if self._nameservers else self.authoritative(name).servers
        if not servers:
            return ()
        budget = Deadline(self._deadline.at_most(SECONDS_OVER_TCP))
        with ThreadPoolExecutor(max_workers=len(servers)) as pool:
            told = pool.map(lambda server: answers_over_tcp(server, name, budget), servers)
            return tuple(server for server, answers in zip(servers, told, strict=True) if not answers)

    def fails_dnssec(self, name: str) -> str:
        """Why a validating resolver does not believe this very record set, "" where it does or nobody validates.

        Only for what is there already: a resolver that is asked too early remembers its "no".
        """
        try:
            return self._recurse(name_of(name), "TXT")[2]
        except dns.exception.DNSException:
            return ""

    def name_servers(self, name: str) -> tuple[str, ...]:
        """The host names of the closest enclosing zone's name servers: they tell who keeps the zone."""
        if not self._nameservers:
            return self.authoritative(name).hosts
        try:
            candidate = name_of(name)
        except dns.exception.DNSException:
            return ()
        while len(candidate.labels) > 2:  # the name servers of a top-level domain are nobody’s provider
            answer = self._lookup(text_of(candidate), "NS")
            if answer.rdatas or not answer.answered:
                return tuple(sorted(text_of(rdata.target) for rdata in answer.rdatas))
            candidate = candidate.parent()
        return ()

    def caa(self, name: str) -> Answer:
        """The CAA records at exactly this name (and through its aliases); climbing is the caller's."""
        return self._lookup(name, "CAA")

    def mx(self, name: str) -> Answer:
        return self._lookup(name, "MX")

    def addresses(self, name: str) -> Addresses:
        """A and AAAA, at most MAX_ADDRESSES of each, as told: whether they may be connected to is the fetcher's."""
        a, aaaa = self._lookup(name, "A"), self._lookup(name, "AAAA")
        told = a if a.values or not aaaa.values else aaaa
        if not a.values and not aaaa.values:
            told = a if not a.answered else aaaa
        return Addresses(
            name=told.name,
            v4=a.values[:MAX_ADDRESSES],
            v6=aaaa.values[:MAX_ADDRESSES],
            rcode=told.rcode,
            chain=told.chain,
            loop=a.loop or aaaa.loop,
            bogus=a.bogus or aaaa.bogus,
        )

    def authoritative(self, name: str) -> Delegation:
        """The servers of the closest enclosing zone, at most MAX_SERVERS addresses."""
        try:
            return self._delegation(name_of(name))
        except dns.exception.DNSException:
            return Delegation(zone=clean(name), servers=(), rcode="MALFORMED")

    # --- following a name ---------------------------------------------------------------------------

    def _lookup(self, text: str, rdtype: str, *, everywhere: bool = False) -> Answer:
        try:
            name = name_of(text)
        except dns.exception.DNSException:
            return Answer(name=clean(text), rdtype=rdtype, zone="", failure="MALFORMED")
        seen, bogus, why = [name], False, ""
        lacking: list[str] = []
        while True:
            delegation = self._delegation(name)
            bogus, why = bogus or delegation.bogus, why or delegation.why
            replies = self._ask_servers(delegation, name, rdtype, everywhere=everywhere)
            bogus = bogus or any(reply.bogus for reply in replies)
            chain = tuple(text_of(link) for link in seen[1:])
            answer = Answer(
                name=text_of(name), rdtype=rdtype, zone=delegation.zone, servers=replies, chain=chain,
                lacking=tuple(lacking), bogus=bogus, failure="" if delegation.servers else delegation.rcode,
                why=why,
            )  # fmt: skip
            target = alias(replies)
            if target is None:
                return answer
            lacking += [str(reply.server) for reply in replies if reply.answered and not reply.target]
            if target in seen or len(seen) > MAX_CHAIN:
                return Answer(
                    name=text_of(name), rdtype=rdtype, zone=delegation.zone, servers=replies,
                    chain=(*chain, text_of(target)), bogus=bogus, loop=True, why=why,
                )  # fmt: skip
            seen.append(target)
            name = target

    def _ask_servers(
        self, delegation: Delegation, name: dns.name.Name, rdtype: str, *, everywhere: bool
    ) -> tuple[ServerAnswer, ...]:
        if not delegation.servers:
            return ()
        if everywhere:
            return self._ask_all(delegation.servers, name, rdtype)
        replies: list[ServerAnswer] = []
        for server in delegation.servers:
            replies.append(self._ask_one(server, name, rdtype))
            if replies[-1].answered:
                break
        return tuple(replies)

    def _ask_all(self, asked: Sequence[Server], name: dns.name.Name, rdtype: str) -> tuple[ServerAnswer, ...]:
        if len(asked) < 2:
            return tuple(self._ask_one(server, name, rdtype) for server in asked)
        with ThreadPoolExecutor(max_workers=len(asked)) as pool:
            return tuple(pool.map(lambda server: self._ask_one(server, name, rdtype), asked))

    def _ask_one(self, server: Server, name: dns.name.Name, rdtype: str) -> ServerAnswer:
        message, problem = self._exchange(server, name, rdtype)
        if message is None:
            return ServerAnswer(server=server, rcode=problem)
        resolving = bool(self._nameservers) or server in self._publics
        reply = read(server, message, name, rdtype, walking=not resolving)
        if reply.rcode == "SERVFAIL" and resolving:
            return replace(reply, bogus=self._answers_unchecked(server, name, rdtype) is not None)
        return reply

    def _answers_unchecked(
        self, server: Server, name: dns.name.Name, rdtype: str
    ) -> dns.message.Message | None:
        """The reply of a server that failed, when asked not to check DNSSEC: a validating resolver then answers.

        None where it goes on failing, and where it fails no more: that was a moment's trouble, and no DNSSEC.
        """
        message, _ = self._exchange(server, name, rdtype, flags=dns.flags.RD | dns.flags.CD)
        if message is None or dns.rcode.to_text(message.rcode()) not in ANSWERED:
            return None
        again, _ = self._exchange(server, name, rdtype)
        return None if again is not None and dns.rcode.to_text(again.rcode()) in ANSWERED else message

    # --- finding who answers ------------------------------------------------------------------------

    def _delegation(self, name: dns.name.Name) -> Delegation:
        if self._nameservers:
            return Delegation(zone="", servers=self._nameservers)
        found = self._known.get(name)
        if found is None:
            found = self._walk(name)
            # The names passed on the way up have the same servers: a CAA climb asks for each of them next.
            passed = name
            while passed != dns.name.root and text_of(passed) != found.zone:
                self._known[passed] = found
                passed = passed.parent()
            self._known[passed] = found
        return found

    def _walk(self, name: dns.name.Name) -> Delegation:
        """Climb from the name until a recursive resolver knows NS records.

        A failure below the registered domain may be the name's own (an alias in a circle): its servers tell more.
        """
        why = ""
        registered = suffixes.registrable(text_of(name)).count(".") + 1
        for depth in range(len(name.labels) - 1):
            candidate = dns.name.Name(name.labels[depth:])
            message, problem, failed = self._recurse(candidate, "NS")
            why = why or failed
            if message is None:
                if problem == "SERVFAIL" and len(candidate.labels) - 1 > registered:
                    continue
                if problem == "SERVFAIL":
                    return self._referral(candidate)
                return Delegation(
                    zone=text_of(candidate), servers=(), rcode=problem, bogus=bool(why), why=why
                )
            hosts = [rdata.target for rdata in rdatas(message, candidate, "NS")]
            if hosts:
                found = self._server_addresses(hosts)
                return Delegation(
                    text_of(candidate), found, "NOERROR" if found else "UNREACHABLE", bool(why),
                    hosts=tuple(sorted(text_of(host) for host in hosts)), why=why,
                )  # fmt: skip
        return Delegation(zone="", servers=(), rcode="NXDOMAIN", bogus=bool(why), why=why)

    def _referral(self, name: dns.name.Name) -> Delegation:
        """The servers that the parent zone names for a zone whose own servers fail: which of them, says their answer."""
        zone = text_of(name)
        above = self._walk(name.parent()) if name.parent() != dns.name.root else None
        for server in above.servers if above is not None else ():
            message, _ = self._exchange(server, name, "NS")
            hosts = referred(message, name) if message is not None else []
            if hosts:
                found = self._server_addresses(hosts, glue(message))
                names = tuple(sorted(text_of(host) for host in hosts))
                return Delegation(zone, found, "NOERROR" if found else "UNREACHABLE", hosts=names)
        return Delegation(zone=zone, servers=(), rcode="SERVFAIL")

    def _recurse(self, name: dns.name.Name, rdtype: str) -> tuple[dns.message.Message | None, str, str]:
        """The first usable reply of a recursive resolver, why there is none, and what DNSSEC is to blame for."""
        problem = "TIMEOUT"
        for server in self._recursives:
            message, problem = self._exchange(server, name, rdtype)
            if message is None:
                continue
            problem = dns.rcode.to_text(message.rcode())
            if problem in ANSWERED:
                return message, "", ""
            if problem == "SERVFAIL":
                unchecked = self._answers_unchecked(server, name, rdtype)
                if unchecked is not None:
                    return unchecked, "", why_of(message) or problem
        return None, problem, ""

    def _server_addresses(
        self, hosts: Iterable[dns.name.Name], known: Mapping[dns.name.Name, list[str]] = MappingProxyType({})
    ) -> tuple[Server, ...]:
        """At least one address of each host before a second of any; private ones are left out (an NS record is a
        stranger's word and must not point us into our own network)."""
        first: list[Server] = []
        more: list[Server] = []
        for host in sorted(hosts)[: MAX_SERVERS * 2]:
            found = list(known.get(host, ()))
            for rdtype in () if found else ("A", "AAAA"):
                message, _, _ = self._recurse(host, rdtype)
                if message is not None:
                    found += [str(rdata.address) for rdata in final_rdatas(message, rdtype)]
            usable = [address for address in found if may_connect(address, self._allowed)]
            kept = [Server(address, self._port, text_of(host)) for address in usable]
            first += kept[:1]
            more += kept[1:]
            if len(first) >= MAX_SERVERS:
                break
        return tuple((first + more)[:MAX_SERVERS])

    # --- one exchange -------------------------------------------------------------------------------

    def _exchange(
        self, server: Server, name: dns.name.Name, rdtype: str, *, flags: int = dns.flags.RD
    ) -> tuple[dns.message.Message | None, str]:
        """Ask over UDP, over TCP where that is cut or silent; the reply, or a word for why there is none."""
        budget = Deadline(self._deadline.at_most(SECONDS_PER_SERVER))
        try:
            reply = converse(server, name, rdtype, flags, budget, edns=True)
            if reply.rcode() in _WITHOUT_EDNS:
                reply = converse(server, name, rdtype, flags, budget, edns=False)
        except CutShort:
            return None, "NO_TCP"
        except dns.exception.Timeout:
            return None, "TIMEOUT"
        except OSError:
            return None, "UNREACHABLE"
        except (dns.exception.DNSException, EOFError, ValueError):
            return None, "MALFORMED"
        return reply, ""
