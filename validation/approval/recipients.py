"""Who may approve for a name: computed from the name and its DNS, never typed by anybody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from identifiers.names import Name
from validation.caa_records import CaaRecord
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
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Recipient:
    """`domain` is the name whose owner reads this mail: the approval covers it and what lies below.

    `source` is "constructed", "caa" (contactemail, CAB BR Appendix A.1.1) or "txt" (A.2.1).
    """

    address: str
    domain: str
    source: str

    def covers(self, name: Name) -> bool:
        """True if an approval from here speaks for this name."""
        return name.ascii == self.domain or name.ascii.endswith(f".{self.domain}")


@dataclass(frozen=True)
class Found:
    """`without_mail` are the domains that take no mail: their constructed addresses are not offered."""

    recipients: tuple[Recipient, ...]
    without_mail: tuple[str, ...] = ()


def recipients_for(name: Name, resolver: Resolver | None = None) -> Found:
    """Return who may approve for the name, nearest domain first. At most one budget of DNS seconds; never raises for DNS."""
    if name.is_ip:
        return Found(())
    resolver = resolver or Resolver.configured()
    found: list[Recipient] = []
    without: list[str] = []
    for domain in [domain.ascii for domain in name.authorization_domains()]:
        found += _published(domain, resolver)
        if takes_mail(domain, resolver):
            found += [Recipient(f"{local}@{domain}", domain, "constructed") for local in CONSTRUCTED]
        else:
            without.append(domain)
    return Found(tuple(dict.fromkeys(found)), tuple(without))


def takes_mail(domain: str, resolver: Resolver) -> bool:
    """True if mail to the domain has somewhere to go: an MX that is not null (RFC 7505), else an address (RFC 5321 §5.1)."""
    answer = resolver.mx(domain)
    if answer.values:
        return any(not value.endswith(" .") and not value.endswith(" ") for value in answer.values)
    return answer.answered and bool(resolver.addresses(domain).all)


def _published(domain: str, resolver: Resolver) -> Iterator[Recipient]:
    records = [CaaRecord.of(row.flags, row.tag, row.value) for row in resolver.caa(domain).rdatas]
    contacts = [record.value for record in records if record.tag == "contactemail"]
    yield from _readable(contacts, domain, "caa")
    yield from _readable(resolver.txt(f"{CONTACT_LABEL}.{domain}").values, domain, "txt")


def _readable(texts: Sequence[str], domain: str, source: str) -> Iterator[Recipient]:
    """One address a record; a mail to whatever else stands there would go to nobody knows whom."""
    for text in texts[:MOST_PUBLISHED]:
        address = text.strip()
        if len(address) <= LONGEST and _ADDRESS.fullmatch(address):
            yield Recipient(address.lower(), domain, source)
