"""Who may approve for a name: computed from the name and its DNS, never typed by anybody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from identifiers.names import Name
from validation.models.approval import covers
from validation.resolver import Resolver

# CA/B Forum BR 3.2.2.4.4: these five, at an authorization domain name, and no other.
CONSTRUCTED = ("admin", "administrator", "hostmaster", "postmaster", "webmaster")
CONTACT_LABEL = "_validation-contactemail"
LONGEST = 254
MOST_PUBLISHED = 5
# RFC 5321 §4.1.2 as far as people use it: no quotes, no comments, ASCII only. What else is published is not offered.
_ADDRESS = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True)
class Recipient:
    """`domain` is the name whose owner reads this mail: the approval covers it and what lies below.

    `source` is "constructed", "caa" (contactemail, BR Appendix A.1.1) or "txt" (A.2.1).
    """

    address: str
    domain: str
    source: str

    @property
    def key(self) -> str:
        """The word by which a form names it: the same address may speak for several domains."""
        return f"{self.address} {self.domain}"

    def covers(self, name: Name) -> bool:
        """True if an approval from here speaks for this name."""
        return covers(self.domain, name)


@dataclass(frozen=True)
class Found:
    """`without_mail` are the domains that take no mail: their constructed addresses are not offered.

    `unknown` are those about which nobody could be asked: a later look may find more.
    """

    recipients: tuple[Recipient, ...]
    without_mail: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def named(self, key: str) -> Recipient | None:
        return next((recipient for recipient in self.recipients if recipient.key == key), None)


def recipients_for(name: Name, resolver: Resolver | None = None) -> Found:
    """Return who may approve for the name, nearest domain first. At most one budget of DNS seconds; never raises for DNS."""
    if name.is_ip:
        return Found(())
    look = _Look(resolver or Resolver.configured())
    found: list[Recipient] = []
    without: list[str] = []
    for domain in [domain.ascii for domain in name.authorization_domains()]:
        found += look.published(domain)
        if look.takes_mail(domain):
            found += [Recipient(f"{local}@{domain}", domain, "constructed") for local in CONSTRUCTED]
        elif domain not in look.unknown:
            without.append(domain)
    return Found(tuple(dict.fromkeys(found)), tuple(without), tuple(look.unknown))


class _Look:
    """One look's memory: which domains take mail, and which nobody could be asked about."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self.unknown: dict[str, None] = {}
        self._mail: dict[str, bool] = {}

    def takes_mail(self, domain: str) -> bool:
        """True if mail to the domain has somewhere to go: an MX that is not null (RFC 7505), else an address (RFC 5321 §5.1)."""
        if domain not in self._mail:
            self._mail[domain] = self._ask(domain)
        return self._mail[domain]

    def _ask(self, domain: str) -> bool:
        answer = self.resolver.mx(domain)
        # A server that does not know the type holds no such record (RFC 1035 §4.1.1, NOTIMP).
        if not answer.answered and answer.rcode != "NOTIMP":
            self.unknown[domain] = None
            return False
        if answer.rdatas:
            # RFC 7505 §3: the null MX has preference 0 and the root as exchange.
            return any(str(rdata.exchange) != "." for rdata in answer.rdatas)
        addresses = self.resolver.addresses(domain)
        if not addresses.answered:
            self.unknown[domain] = None
        return bool(addresses.all)

    def published(self, domain: str) -> Iterator[Recipient]:
        """Yield the contacts that the domain's owner has published, where their own domain takes mail.

        BR 3.2.2.4.13 and .14 want these look-ups validated by DNSSEC: what is bogus is not read.
        """
        caa = self.resolver.caa(domain)
        txt = self.resolver.txt(f"{CONTACT_LABEL}.{domain}")
        if not (caa.answered and txt.answered):
            self.unknown[domain] = None
        contacts = [] if caa.bogus else [row for row in caa.rdatas if row.tag.lower() == b"contactemail"]
        yield from self._readable([row.value.decode("latin-1") for row in contacts], domain, "caa")
        yield from self._readable([] if txt.bogus else txt.values, domain, "txt")

    def _readable(self, texts: Sequence[str], domain: str, source: str) -> Iterator[Recipient]:
        """One address a record; a mail to whatever else stands there would go to nobody knows whom."""
        for text in texts[:MOST_PUBLISHED]:
            address = text.strip(" ")
            if len(address) <= LONGEST and _ADDRESS.fullmatch(address):
                address = address.lower()
                if self.takes_mail(address.rpartition("@")[2]):
                    yield Recipient(address, domain, source)
